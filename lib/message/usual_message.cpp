#include "message/usual_message.hpp"

#include "message/json_scanner.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace strandcast
{

namespace
{

// What takes pieces is inlined, so that the cursor lies in registers.

/// A whole number above 0 of at most 15 digits: every way to read a number gives the same. 0 for any other.
[[gnu::always_inline]] inline std::uint64_t takeNumber(JsonCursor& cursor) noexcept
{
    constexpr std::size_t exactDigits = 15;
    const auto begin = cursor.position();
    const bool isZeroFirst = cursor.peek() == '0';
    const auto number = cursor.takeDigits();
    const auto digits = cursor.position() - begin;
    return digits == 0 || digits > exactDigits || isZeroFirst ? 0 : number;
}

/// A value that lies in the message itself.
[[gnu::always_inline]] inline std::optional<std::string_view> takeValue(JsonCursor& cursor,
                                                                        std::size_t maxDepth) noexcept
{
    JsonScanner scanner(cursor, maxDepth);
    const auto value = scanner.scanValue(1);
    cursor = scanner.cursor();
    return value;
}

// Not 0 and so not there: a number that is to follow.
[[gnu::always_inline]] inline bool takeSequenceNumber(JsonCursor& cursor, UsualMessage& message)
{
    if (!cursor.take(R"(,"sequenceNumber":)")) return true;
    const auto number = takeNumber(cursor);
    message.sequenceNumber = number;
    return number != 0;
}

[[gnu::always_inline]] inline bool takeReplay(JsonCursor& cursor, UsualMessage& message)
{
    if (!cursor.take(R"(,"replay":")")) return true;
    message.replay = cursor.takePlain();
    return cursor.take('"');
}

[[gnu::always_inline]] inline bool takeTopicAndData(JsonCursor& cursor, UsualMessage& message,
                                                    std::size_t maxDepth)
{
    if (!cursor.take(R"(,"topic":")")) return false;
    message.topic = cursor.takePlain();
    if (!cursor.take('"')) return false;
    if (!cursor.take(R"(,"data":)")) return true;
    message.data = takeValue(cursor, maxDepth);
    return message.data.has_value();
}

[[gnu::always_inline]] inline bool takeFields(JsonCursor& cursor, UsualMessage& message, std::size_t maxDepth,
                                              ProtocolVersion version)
{
    switch (message.type)
    {
    case MessageType::event:
        return takeTopicAndData(cursor, message, maxDepth) && takeSequenceNumber(cursor, message) &&
               (version == ProtocolVersion::v1_0 || takeReplay(cursor, message));
    case MessageType::publish:
        if (!takeTopicAndData(cursor, message, maxDepth)) return false;
        message.broadcast = cursor.take(R"(,"broadcast":true)");
        // As clients write it that leave nothing out.
        if (!message.broadcast) static_cast<void>(cursor.take(R"(,"broadcast":false)"));
        return true;
    default:
        if (!cursor.take(R"(,"messageId":")")) return false;
        message.topic = cursor.takePlain();
        if (!cursor.take(R"(","success":true)")) return false;
        return version == ProtocolVersion::v1_0 || takeSequenceNumber(cursor, message);
    }
}

[[gnu::always_inline]] inline std::optional<MessageType> takeType(JsonCursor& cursor)
{
    if (cursor.take(R"(event","version":"1.)")) return MessageType::event;
    if (cursor.take(R"(publish","version":"1.)")) return MessageType::publish;
    if (cursor.take(R"(ack","version":"1.)")) return MessageType::ack;
    return std::nullopt;
}

[[gnu::always_inline]] inline bool takeMessage(JsonCursor cursor, UsualMessage& message,
                                               const ParseLimits& limits)
{
    if (!cursor.take(R"({"id":")")) return false;
    message.id = cursor.takePlain();
    if (message.id.empty() || !cursor.take(R"(","type":")")) return false;
    const auto type = takeType(cursor);
    if (!type) return false;
    message.type = *type;
    auto version = ProtocolVersion::v1_0;
    if (!cursor.take(R"(0.0","timestamp":)"))
    {
        version = ProtocolVersion::v1_1;
        if (limits.newest < version || !cursor.take(R"(1.0","timestamp":)")) return false;
    }
    const auto timestamp = takeNumber(cursor);
    if (timestamp == 0) return false;
    message.timestamp = Timestamp(std::chrono::milliseconds(timestamp));
    return takeFields(cursor, message, limits.maxDepth, version) && cursor.take('}') && cursor.atEnd();
}

std::optional<Json> dataOf(const UsualMessage& usual)
{
    return usual.data ? std::optional(Json::fromValidText(std::string(*usual.data))) : std::nullopt;
}

// Messages are made where they are returned. A string that is made and moved costs less than one that is
// assigned.

std::variant<Message, Refusal> eventOf(const UsualMessage& usual)
{
    std::variant<Message, Refusal> made(std::in_place_type<Message>, std::in_place_type<EventMessage>);
    auto& event = std::get<EventMessage>(std::get<Message>(made));
    event.id = std::string(usual.id);
    event.timestamp = usual.timestamp;
    event.topic = std::string(usual.topic);
    event.data = dataOf(usual);
    event.sequenceNumber = usual.sequenceNumber;
    if (usual.replay) event.replay = std::string(*usual.replay);
    return made;
}

std::variant<Message, Refusal> publishOf(const UsualMessage& usual)
{
    std::variant<Message, Refusal> made(std::in_place_type<Message>, std::in_place_type<PublishMessage>);
    auto& publish = std::get<PublishMessage>(std::get<Message>(made));
    publish.id = std::string(usual.id);
    publish.timestamp = usual.timestamp;
    publish.topic = std::string(usual.topic);
    publish.data = dataOf(usual);
    publish.broadcast = usual.broadcast;
    return made;
}

std::variant<Message, Refusal> ackOf(const UsualMessage& usual)
{
    std::variant<Message, Refusal> made(std::in_place_type<Message>, std::in_place_type<AckMessage>);
    auto& ack = std::get<AckMessage>(std::get<Message>(made));
    ack.id = std::string(usual.id);
    ack.timestamp = usual.timestamp;
    ack.messageId = std::string(usual.topic);
    ack.sequenceNumber = usual.sequenceNumber;
    return made;
}

}  // namespace

std::optional<UsualMessage> readUsualMessage(std::string_view text, const ParseLimits& limits)
{
    std::optional<UsualMessage> read(std::in_place);  // where it is returned
    if (!takeMessage(JsonCursor(text), *read, limits)) read.reset();
    return read;
}

std::variant<Message, Refusal> messageOf(const UsualMessage& usual)
{
    switch (usual.type)
    {
    case MessageType::event: return eventOf(usual);
    case MessageType::publish: return publishOf(usual);
    default: return ackOf(usual);
    }
}

}  // namespace strandcast
