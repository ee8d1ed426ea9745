#pragma once

#include "message/envelope.hpp"

#include <strandcast/message.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace strandcast
{

/// What nearly every message is: an event, a publish or an ack, read where it lies.
struct UsualMessage
{
    MessageType type = MessageType::event;  ///< or publish, or ack
    std::string_view id = {};
    Timestamp timestamp = {};
    std::string_view topic = {};                       ///< of an ack its `messageId`
    std::optional<std::string_view> data = {};         ///< JSON text
    std::optional<std::uint64_t> sequenceNumber = {};  ///< of an event, or of an ack under 1.1.0
    bool broadcast = false;                            ///< of a publish
    std::optional<std::string_view> replay = {};       ///< of an event under 1.1.0
};

/// Reads a message that stands as appendMessage() writes it, the fields in its order, without space and with
/// no escape outside of `data`. Nothing where it stands otherwise, has a field that is none of the above, or
/// is wrong: parseMessage() reads it field by field then, and what this gives is what that would.
[[nodiscard]] std::optional<UsualMessage> readUsualMessage(std::string_view text, const ParseLimits& limits);

/// The message with memory of its own, as parseMessage() gives it.
[[nodiscard]] std::variant<Message, Refusal> messageOf(const UsualMessage& usual);

}  // namespace strandcast
