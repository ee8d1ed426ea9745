#pragma once

#include "message/text_pieces.hpp"

#include <strandcast/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strandcast
{

/// The text of an event, as appendEvent() appends it; its size is known before it is written. What it is made
/// of outlives it.
class EventText
{
public:
    EventText(std::string_view id, Timestamp timestamp, std::string_view topic,
              std::optional<std::string_view> data, std::optional<std::uint64_t> sequenceNumber,
              ProtocolVersion version, std::string_view replay = {});

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Writes size() bytes.
    void write(char* out) const noexcept;

private:
    template <typename Out>
    void putInto(Out& out) const noexcept;

    QuotedText id_;
    NumberText timestamp_;
    QuotedText topic_;
    std::optional<std::string_view> data_;
    NumberText sequenceNumber_;  // empty: none
    std::string_view version_;
    QuotedText replay_;
    std::size_t size_;
};

}  // namespace strandcast
