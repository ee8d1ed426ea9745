#include "message/envelope.hpp"
#include "message/fields.hpp"
#include "message/json_scanner.hpp"
#include "message/usual_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace strandcast
{

namespace
{

// A moment that no clock reaches, in ms: JavaScript's own limit. What lies beyond is taken as that.
constexpr double latestTimestamp = 8.64e15;

bool isString(std::string_view value)
{
    return value.starts_with('"');
}
bool isNumber(std::string_view value)
{
    return !value.empty() && (value[0] == '-' || (value[0] >= '0' && value[0] <= '9'));
}
bool isAbsent(std::string_view value)
{
    return value.empty() || value == "null";
}

// 128 bits in base64url (RFC 4648, section 5) without padding.
bool isSession(std::string_view text)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return text.size() == 22 && text.find_first_not_of(digits) == std::string_view::npos;
}

// The characters of a string, as they stand in it where none is escaped, else in `unescaped`.
std::string_view charactersOf(std::string_view value, std::string& unescaped)
{
    const auto escaped = value.substr(1, value.size() - 2);
    if (escaped.find('\\') == std::string_view::npos) return escaped;
    return unescaped = unescapeJson(escaped);
}

std::string stringOf(std::string_view value)
{
    const auto escaped = value.substr(1, value.size() - 2);
    return escaped.find('\\') == std::string_view::npos ? std::string(escaped) : unescapeJson(escaped);
}

// Whether a number that is not 0 is 1 or more but for its sign. Judged by its digits: it is beyond a double.
bool isLarge(std::string_view number)
{
    if (number.starts_with('-')) number.remove_prefix(1);
    const auto mantissa = number.substr(0, number.find_first_of("eE"));
    std::int64_t exponent = 0;
    if (mantissa.size() < number.size())
    {
        auto digits = number.substr(mantissa.size() + 1);
        if (digits.starts_with('+')) digits.remove_prefix(1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
        if (error == std::errc::result_out_of_range) return !digits.starts_with('-');
    }
    // RFC 8259, section 6: the whole part is 0, or has no zero before it.
    const auto whole = mantissa.substr(0, mantissa.find('.'));
    if (whole != "0") return exponent > -static_cast<std::int64_t>(whole.size());
    const auto zeros = mantissa.find_first_not_of('0', 2) - 2;
    return exponent > static_cast<std::int64_t>(zeros);
}

// Rounded down to whole milliseconds. Nothing where it is 0.
std::optional<std::int64_t> millisecondsOf(std::string_view number)
{
    // As nearly all are: whole, and within what a double holds exactly.
    constexpr std::size_t exactDigits = 15;
    if (number.size() <= exactDigits)
    {
        std::int64_t whole = 0;
        std::size_t digits = 0;
        for (; digits < number.size() && number[digits] >= '0' && number[digits] <= '9'; ++digits)
            whole = whole * 10 + (number[digits] - '0');
        if (digits == number.size()) return whole == 0 ? std::nullopt : std::optional(whole);
    }
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc::result_out_of_range)
    {
        // No zero, whatever its exponent: from_chars() takes that as 0.
        value = isLarge(number) ? latestTimestamp : 0.5;
        if (number.starts_with('-')) value = -value;
    }
    else if (value == 0)
    {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(std::floor(std::clamp(value, -latestTimestamp, latestTimestamp)));
}

/// Reads the fields of one message. The first that breaks a rule is noted, and the rest reads as empty.
class Reader
{
public:
    explicit Reader(const Fields& fields) : fields_(fields) {}

    [[nodiscard]] std::string requiredString(Field field)
    {
        if (isString(fields_[field])) return stringOf(fields_[field]);
        expect(field, "a string");
        return {};
    }

    /// The same; what is escaped is written into `unescaped`.
    [[nodiscard]] std::string_view requiredCharacters(Field field, std::string& unescaped)
    {
        if (isString(fields_[field])) return charactersOf(fields_[field], unescaped);
        expect(field, "a string");
        return {};
    }

    [[nodiscard]] std::string requiredNonEmptyString(Field field)
    {
        auto text = requiredString(field);
        if (text.empty()) expect(field, "a string that is not empty");
        return text;
    }

    [[nodiscard]] std::optional<std::string> optionalString(Field field)
    {
        if (isAbsent(fields_[field])) return std::nullopt;
        return requiredString(field);
    }

    [[nodiscard]] std::vector<std::string> requiredStrings(Field field)
    {
        std::vector<std::string> strings;
        JsonScanner scanner(fields_[field], 1);
        if (scanner.take('['))
        {
            scanner.skipSpace();
            if (scanner.take(']')) return strings;
            do {
                scanner.skipSpace();
                const auto item = scanner.scanValue();
                if (!item || !isString(*item)) break;
                strings.push_back(stringOf(*item));
                scanner.skipSpace();
                if (scanner.take(']')) return strings;
            } while (scanner.take(','));
        }
        expect(field, "an array of strings");
        return {};
    }

    [[nodiscard]] std::optional<std::vector<std::string>> optionalStrings(Field field)
    {
        if (isAbsent(fields_[field])) return std::nullopt;
        return requiredStrings(field);
    }

    [[nodiscard]] bool requiredBool(Field field)
    {
        const auto value = fields_[field];
        if (value != "true" && value != "false") expect(field, "true or false");
        return value == "true";
    }

    [[nodiscard]] bool optionalBool(Field field) { return !isAbsent(fields_[field]) && requiredBool(field); }

    [[nodiscard]] std::optional<bool> optionalAnswer(Field field)
    {
        if (isAbsent(fields_[field])) return std::nullopt;
        return requiredBool(field);
    }

    [[nodiscard]] std::optional<std::chrono::milliseconds> optionalMilliseconds(Field field)
    {
        if (isAbsent(fields_[field])) return std::nullopt;
        return std::chrono::milliseconds(requiredMilliseconds(field));
    }

    [[nodiscard]] std::int64_t requiredMilliseconds(Field field)
    {
        if (!isNumber(fields_[field]))
        {
            expect(field, "a number");
            return 0;
        }
        return millisecondsOf(fields_[field]).value_or(0);
    }

    [[nodiscard]] Timestamp requiredTimestamp()
    {
        const auto value = fields_[Field::timestamp];
        const auto count = isNumber(value) ? millisecondsOf(value) : std::nullopt;
        if (!count) expect(Field::timestamp, isNumber(value) ? "other than 0" : "a number");
        // A part of a millisecond is not 0, and must not become 0: that could not be sent on.
        return Timestamp(std::chrono::milliseconds(count.value_or(0) == 0 ? 1 : *count));
    }

    [[nodiscard]] std::optional<std::uint64_t> optionalCount(Field field)
    {
        const auto value = fields_[field];
        if (isAbsent(value)) return std::nullopt;
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc() || end != value.data() + value.size())
            expect(field, "a whole number, not below 0");
        return number;
    }

    /// Any value, null among them.
    [[nodiscard]] std::optional<Json> optionalValue(Field field)
    {
        if (fields_[field].empty()) return std::nullopt;
        return Json::fromValidText(std::string(fields_[field]));
    }

    [[nodiscard]] std::optional<Json> optionalObject(Field field)
    {
        if (isAbsent(fields_[field])) return std::nullopt;
        if (!fields_[field].starts_with('{')) expect(field, "an object");
        return optionalValue(field);
    }

    [[nodiscard]] bool has(Field field) const noexcept { return !isAbsent(fields_[field]); }

    void expect(Field field, std::string_view expected)
    {
        if (!wrong_.empty()) return;
        wrong_ = fields_[field].empty()
                     ? fmt::format("'{}' is missing: {} is expected", toString(field), expected)
                     : fmt::format("'{}' must be {}", toString(field), expected);
    }

    [[nodiscard]] std::string& wrong() noexcept { return wrong_; }

private:
    const Fields& fields_;
    std::string wrong_;
};

// What a version has added is read into messages of it alone.

void readAddedTo(SubscribeMessage& message, Reader& reader)
{
    message.last = reader.optionalCount(Field::last);
    // To pass it over would be taken for a resumption.
    if (reader.has(Field::resume)) reader.expect(Field::resume, "absent: no positions are kept here");
}

void readAddedTo(EventMessage& message, Reader& reader)
{
    message.live = reader.optionalBool(Field::live);
    message.replay = reader.optionalString(Field::replay);
    message.more = reader.optionalBool(Field::more);
}

void readAddedTo(AckMessage& message, Reader& reader)
{
    message.sequenceNumber = reader.optionalCount(Field::sequenceNumber);
    message.clientId = reader.optionalString(Field::clientId);
    message.dedupWindow = reader.optionalMilliseconds(Field::dedupWindow);
    message.maxMessageSize = reader.optionalCount(Field::maxMessageSize);
}

void readAddedTo(ErrorMessage& message, Reader& reader)
{
    message.retriable = reader.optionalAnswer(Field::retriable);
    message.retryAfter = reader.optionalMilliseconds(Field::retryAfter);
}

template <typename Other>
void readAddedTo(Other&, Reader&)
{
}

// The rule of `session` binds who selects the version that has it.
void readSession(VersionNegotiationMessage& message, Reader& reader)
{
    if (message.selectedVersion != toString(ProtocolVersion::v1_1)) return;
    message.session = reader.requiredString(Field::session);
    if (!isSession(*message.session)) reader.expect(Field::session, "22 characters of base64url");
}

// Without a topic is the end of a replay alone.
std::string readEventTopic(Reader& reader, ProtocolVersion version)
{
    const bool mayEndReplay =
        version == ProtocolVersion::v1_1 && reader.has(Field::replay) && !reader.has(Field::topic);
    if (mayEndReplay && (reader.optionalBool(Field::live) || reader.optionalBool(Field::more))) return {};
    return reader.requiredString(Field::topic);
}

Message readBody(Reader& reader, MessageType type, std::string id, Timestamp at, ProtocolVersion version)
{
    // Braced lists: their items are read from left to right.
    switch (type)
    {
    case MessageType::versionNegotiation:
        return VersionNegotiationMessage{std::move(id), at, reader.requiredStrings(Field::supportedVersions),
                                         reader.optionalString(Field::selectedVersion)};
    case MessageType::auth:
        return AuthMessage{std::move(id), at, reader.requiredString(Field::token),
                           reader.optionalObject(Field::metadata)};
    case MessageType::subscribe:
        return SubscribeMessage{std::move(id), at, reader.requiredStrings(Field::topics),
                                reader.optionalStrings(Field::patterns)};
    case MessageType::unsubscribe:
        return UnsubscribeMessage{std::move(id), at, reader.requiredStrings(Field::topics)};
    case MessageType::publish:
        return PublishMessage{std::move(id), at, reader.requiredString(Field::topic),
                              reader.optionalValue(Field::data), reader.optionalBool(Field::broadcast)};
    case MessageType::event:
        return EventMessage{std::move(id), at, readEventTopic(reader, version),
                            reader.optionalValue(Field::data), reader.optionalCount(Field::sequenceNumber)};
    case MessageType::ack:
        return AckMessage{std::move(id), at, reader.requiredString(Field::messageId),
                          reader.requiredBool(Field::success)};
    case MessageType::error:
        return ErrorMessage{std::move(id),
                            at,
                            reader.requiredString(Field::code),
                            reader.requiredString(Field::message),
                            reader.optionalValue(Field::details),
                            reader.optionalString(Field::messageId)};
    case MessageType::ping: return PingMessage{std::move(id), at};
    case MessageType::pong:
        return PongMessage{std::move(id), at,
                           std::chrono::milliseconds(reader.requiredMilliseconds(Field::latency))};
    }
    return PingMessage{std::move(id), at};
}

/// What a text that is nested deeper than `maxDepth` is refused with. Its id is read all the same, as far as
/// the scanner's own limit reaches.
Refusal refuseNesting(std::string_view text, std::size_t maxDepth)
{
    Fields fields;
    const auto error = fields.read(text, deepestNesting);
    if (error && !error->isTooDeep) return {ErrorCode::invalidMessage, "Not JSON: " + error->text(), {}};
    std::string id;
    if (!error && isString(fields[Field::id])) id = stringOf(fields[Field::id]);
    return {ErrorCode::invalidMessage,
            fmt::format("Nested too deep: {} levels at most", std::min(maxDepth, deepestNesting)),
            std::move(id)};
}

}  // namespace

std::variant<Message, Refusal> parseMessage(std::string_view text, ParseLimits limits)
{
    if (const auto usual = readUsualMessage(text, limits)) return messageOf(*usual);
    Fields fields;
    if (const auto error = fields.read(text, limits.maxDepth))
    {
        if (error->isTooDeep) return refuseNesting(text, limits.maxDepth);
        const bool isOtherJson = !checkJson(text, limits.maxDepth);
        return Refusal{ErrorCode::invalidMessage,
                       isOtherJson ? "Not a message: a JSON object is expected"
                                   : "Not JSON: " + error->text(),
                       {}};
    }

    Reader reader(fields);
    auto id = reader.requiredNonEmptyString(Field::id);
    std::string unescapedType;
    const auto typeName = reader.requiredCharacters(Field::type, unescapedType);
    const auto type = messageTypeFrom(typeName);
    if (!type && reader.wrong().empty()) reader.wrong() = fmt::format("'type' is unknown: {:.40}", typeName);
    std::string unescapedVersion;
    const auto versionName = reader.requiredCharacters(Field::version, unescapedVersion);
    const auto timestamp = reader.requiredTimestamp();
    if (!reader.wrong().empty())
        return Refusal{ErrorCode::invalidMessage, std::move(reader.wrong()), std::move(id)};
    const auto version = protocolVersionFrom(versionName);
    if (!version || *version > limits.newest)
        return Refusal{
            ErrorCode::unsupportedVersion,
            fmt::format("Version {:.40} is not supported; {} is", versionName, toString(limits.newest)),
            std::move(id)};

    auto message = readBody(reader, *type, std::move(id), timestamp, *version);
    if (auto* const negotiation = std::get_if<VersionNegotiationMessage>(&message))
        readSession(*negotiation, reader);
    if (*version == ProtocolVersion::v1_1) std::visit([&](auto& one) { readAddedTo(one, reader); }, message);
    if (!reader.wrong().empty())
        return Refusal{ErrorCode::invalidMessage, std::move(reader.wrong()), messageId(message)};
    return message;
}

}  // namespace strandcast
