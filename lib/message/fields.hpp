#pragma once

#include "message/json_scanner.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strandcast
{

/// The fields that messages have. The one list of their names is in fields.cpp.
enum class Field : std::uint8_t
{
    id,
    type,
    version,
    timestamp,
    supportedVersions,
    selectedVersion,
    token,
    metadata,
    topics,
    patterns,
    topic,
    data,
    broadcast,
    sequenceNumber,
    messageId,
    success,
    code,
    message,
    details,
    latency,
    session,
    last,
    resume,
    live,
    more,
    replay,
    clientId,
    dedupWindow,
    maxMessageSize,
    retriable,
    retryAfter,
};

inline constexpr std::size_t fieldCount = static_cast<std::size_t>(Field::retryAfter) + 1;

/// The name of a field on the wire.
[[nodiscard]] std::string_view toString(Field field) noexcept;

/// The fields of a JSON object as their text stands in it; what is not there is empty.
class Fields
{
public:
    /// Reads an object's fields.
    /// @returns what is wrong with the text as JSON, if anything.
    [[nodiscard]] std::optional<JsonError> read(std::string_view text, std::size_t maxDepth);

    [[nodiscard]] std::string_view operator[](Field field) const noexcept
    {
        return values_[static_cast<std::size_t>(field)];
    }

private:
    [[nodiscard]] bool readCompact(std::string_view text, std::size_t maxDepth);
    void set(std::string_view escapedKey, std::string_view value);

    std::array<std::string_view, fieldCount> values_;
};

}  // namespace strandcast
