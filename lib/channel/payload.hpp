#pragma once

#include <strandcast/message.hpp>

#include <string>
#include <variant>

namespace strandcast
{

/// Why some data is not what its topic carries: which field, what was expected, and what was found.
struct PayloadError
{
    std::string text;
};

/// Reads an event of a channel's from the data of a message. Unknown fields are passed over.
/// Made for the events of payload_kind.hpp.
template <typename Event>
[[nodiscard]] std::variant<Event, PayloadError> readPayload(const Json& data);

/// The data of a message. Optional fields that are empty are left out.
/// @throws Error with Errc::invalidArgument where a field is out of its range.
template <typename Event>
[[nodiscard]] Json writePayload(const Event& event);

}  // namespace strandcast
