#include "message/usual_message.hpp"

#include "message/json_scanner.hpp"
#include "message/plain_length.hpp"

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>

namespace strandcast
{

namespace
{

/// Takes piece after piece from the front of a text. What is not there is not taken.
class Pieces
{
public:
    explicit Pieces(std::string_view text) noexcept : text_(text) {}

    template <std::size_t sizeWithEnd>
    [[nodiscard]] bool take(const char (&literal)[sizeWithEnd]) noexcept
    {
        constexpr auto size = sizeWithEnd - 1;
        if (text_.size() - position_ < size) return false;
        if (std::memcmp(text_.data() + position_, literal, size) != 0) return false;
        position_ += size;
        return true;
    }

    /// The characters of a string without escapes, behind its first quote; the other is not taken.
    [[nodiscard]] std::string_view takeCharacters() noexcept
    {
        const auto begin = position_;
        position_ += plainLength(text_, begin);
        return text_.substr(begin, position_ - begin);
    }

    /// A whole number above 0 of at most 15 digits: every way to read a number gives the same. 0 for any
    /// other.
    [[nodiscard]] std::uint64_t takeNumber() noexcept
    {
        constexpr std::size_t exactDigits = 15;
        std::uint64_t number = 0;
        const auto begin = position_;
        if constexpr (std::endian::native == std::endian::little)
            if (text_.size() - begin >= 8 && areDigits(wordAt<std::uint64_t>(text_, begin)))
            {
                number = numberOf(wordAt<std::uint64_t>(text_, begin));
                position_ += 8;
            }
        for (; position_ < text_.size() && isDigit(text_[position_]); ++position_)
            number = number * 10 + static_cast<std::uint64_t>(text_[position_] - '0');
        const auto digits = position_ - begin;
        return digits == 0 || digits > exactDigits || text_[begin] == '0' ? 0 : number;
    }

    /// A value that lies in the message itself.
    [[nodiscard]] std::optional<std::string_view> takeValue(std::size_t maxDepth) noexcept
    {
        JsonScanner scanner(text_, maxDepth);
        scanner.moveTo(position_);
        const auto value = scanner.scanValue(1);
        if (value) position_ += value->size();
        return value;
    }

    [[nodiscard]] bool atEnd() const noexcept { return position_ == text_.size(); }

private:
    // Eight characters at once, the first in the lowest byte.

    static bool areDigits(std::uint64_t word) noexcept
    {
        constexpr std::uint64_t ones = 0x0101010101010101;
        constexpr std::uint64_t high = 0xF0 * ones;
        return (word & high) == 0x30 * ones && ((word + 0x06 * ones) & high) == 0x30 * ones;
    }

    static std::uint64_t numberOf(std::uint64_t digits) noexcept
    {
        // Pairs, then fours, then all: each step adds ten, a hundred or ten thousand times the half before.
        digits &= 0x0F0F0F0F0F0F0F0F;
        digits = digits * 10 + (digits >> 8);
        digits = (digits & 0x00FF00FF00FF00FF) * 100 + ((digits >> 16) & 0x00FF00FF00FF00FF);
        return ((digits & 0x0000FFFF) * 10'000 + ((digits >> 32) & 0x0000FFFF)) & 0xFFFFFFFF;
    }

    static bool isDigit(char character) noexcept { return character >= '0' && character <= '9'; }

    std::string_view text_;
    std::size_t position_ = 0;
};

// Not 0 and so not there: a number that is to follow.
bool takeSequenceNumber(Pieces& pieces, UsualMessage& message)
{
    if (!pieces.take(R"(,"sequenceNumber":)")) return true;
    const auto number = pieces.takeNumber();
    message.sequenceNumber = number;
    return number != 0;
}

bool takeReplay(Pieces& pieces, UsualMessage& message)
{
    if (!pieces.take(R"(,"replay":")")) return true;
    message.replay = pieces.takeCharacters();
    return pieces.take("\"");
}

bool takeTopicAndData(Pieces& pieces, UsualMessage& message, std::size_t maxDepth)
{
    if (!pieces.take(R"(,"topic":")")) return false;
    message.topic = pieces.takeCharacters();
    if (!pieces.take("\"")) return false;
    if (!pieces.take(R"(,"data":)")) return true;
    message.data = pieces.takeValue(maxDepth);
    return message.data.has_value();
}

bool takeFields(Pieces& pieces, UsualMessage& message, std::size_t maxDepth, ProtocolVersion version)
{
    switch (message.type)
    {
    case MessageType::event:
        return takeTopicAndData(pieces, message, maxDepth) && takeSequenceNumber(pieces, message) &&
               (version == ProtocolVersion::v1_0 || takeReplay(pieces, message));
    case MessageType::publish:
        if (!takeTopicAndData(pieces, message, maxDepth)) return false;
        message.broadcast = pieces.take(R"(,"broadcast":true)");
        // As clients write it that leave nothing out.
        if (!message.broadcast) static_cast<void>(pieces.take(R"(,"broadcast":false)"));
        return true;
    default:
        if (!pieces.take(R"(,"messageId":")")) return false;
        message.topic = pieces.takeCharacters();
        if (!pieces.take(R"(","success":true)")) return false;
        return version == ProtocolVersion::v1_0 || takeSequenceNumber(pieces, message);
    }
}

std::optional<MessageType> takeType(Pieces& pieces)
{
    if (pieces.take(R"(event","version":"1.)")) return MessageType::event;
    if (pieces.take(R"(publish","version":"1.)")) return MessageType::publish;
    if (pieces.take(R"(ack","version":"1.)")) return MessageType::ack;
    return std::nullopt;
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
    Pieces pieces(text);
    std::optional<UsualMessage> read(std::in_place);
    auto& message = *read;
    if (!pieces.take(R"({"id":")")) return std::nullopt;
    message.id = pieces.takeCharacters();
    if (message.id.empty() || !pieces.take(R"(","type":")")) return std::nullopt;
    const auto type = takeType(pieces);
    if (!type) return std::nullopt;
    message.type = *type;
    auto version = ProtocolVersion::v1_0;
    if (!pieces.take(R"(0.0","timestamp":)"))
    {
        version = ProtocolVersion::v1_1;
        if (limits.newest < version || !pieces.take(R"(1.0","timestamp":)")) return std::nullopt;
    }
    const auto timestamp = pieces.takeNumber();
    if (timestamp == 0) return std::nullopt;
    message.timestamp = Timestamp(std::chrono::milliseconds(timestamp));
    if (!takeFields(pieces, message, limits.maxDepth, version) || !pieces.take("}") || !pieces.atEnd())
        return std::nullopt;
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
