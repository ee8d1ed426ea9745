#pragma once

#include "message/usual_message.hpp"

#include <strandcast/message.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace strandcast
{

/// An event that lies elsewhere: in the text that came, in a queue, or in an EventMessage. Its fields are
/// those of EventMessage.
struct EventView
{
    std::string_view id = {};
    Timestamp timestamp = {};
    std::string_view topic = {};
    std::optional<std::string_view> data = {};  ///< JSON text
    std::optional<std::uint64_t> sequenceNumber = {};
    bool live = false;
    std::optional<std::string_view> replay = {};
    bool more = false;
    std::optional<std::string_view> wireText = {};  ///< JSON text
};

[[nodiscard]] EventView viewOf(const EventMessage& event);
[[nodiscard]] EventView viewOf(const UsualMessage& event);

/// The event with memory of its own.
[[nodiscard]] EventMessage messageOf(const EventView& view);

}  // namespace strandcast
