#include "message/envelope.hpp"
#include "message/event_text.hpp"
#include "message/json_scanner.hpp"
#include "message/text_pieces.hpp"

#include <array>
#include <charconv>
#include <variant>

namespace strandcast
{

namespace
{

void appendStrings(std::string& out, const std::vector<std::string>& strings)
{
    char separator = '[';
    for (const auto& one : strings)
    {
        out += separator;
        appendJsonString(out, one);
        separator = ',';
    }
    out += strings.empty() ? "[]" : "]";
}

/// Appends the fields of one message, beginning with its envelope.
class Writer
{
public:
    Writer(std::string& out, MessageType type, std::string_view id, Timestamp timestamp,
           ProtocolVersion version)
        : out_(out)
    {
        out_ += "{\"id\":";
        appendJsonString(out_, id);
        out_ += ",\"type\":\"";
        out_ += toString(type);
        out_ += "\",\"version\":\"";
        out_ += toString(version);
        out_ += '"';
        number("timestamp", timestamp.time_since_epoch().count());
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() { out_ += '}'; }

    Writer& string(std::string_view name, std::string_view value)
    {
        key(name);
        appendJsonString(out_, value);
        return *this;
    }

    Writer& json(std::string_view name, std::string_view text)
    {
        key(name);
        out_ += text;
        return *this;
    }

    Writer& boolean(std::string_view name, bool value) { return json(name, value ? "true" : "false"); }

    template <typename Number>
    Writer& number(std::string_view name, Number value)
    {
        key(name);
        std::array<char, 24> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        out_.append(digits.data(), end);
        return *this;
    }

    Writer& strings(std::string_view name, const std::vector<std::string>& values)
    {
        key(name);
        appendStrings(out_, values);
        return *this;
    }

private:
    void key(std::string_view name)
    {
        out_ += ",\"";
        out_ += name;
        out_ += "\":";
    }

    std::string& out_;
};

/// Appends the messages of one version.
class Appender
{
public:
    Appender(std::string& out, ProtocolVersion version) : out_(out), version_(version) {}

    void operator()(const VersionNegotiationMessage& message) const
    {
        // It comes before whatever it negotiates.
        Writer writer(out_, MessageType::versionNegotiation, message.id, message.timestamp,
                      ProtocolVersion::v1_0);
        writer.strings("supportedVersions", message.supportedVersions);
        if (message.selectedVersion) writer.string("selectedVersion", *message.selectedVersion);
        if (message.session) writer.string("session", *message.session);
    }

    void operator()(const AuthMessage& message) const
    {
        auto writer = begin(MessageType::auth, message);
        writer.string("token", message.token);
        if (message.metadata) writer.json("metadata", message.metadata->text());
    }

    void operator()(const SubscribeMessage& message) const
    {
        auto writer = begin(MessageType::subscribe, message);
        writer.strings("topics", message.topics);
        if (message.patterns) writer.strings("patterns", *message.patterns);
        if (isNew() && message.last) writer.number("last", *message.last);
    }

    void operator()(const UnsubscribeMessage& message) const
    {
        begin(MessageType::unsubscribe, message).strings("topics", message.topics);
    }

    void operator()(const PublishMessage& message) const
    {
        auto writer = begin(MessageType::publish, message);
        writer.string("topic", message.topic);
        if (message.data) writer.json("data", message.data->text());
        if (message.broadcast) writer.boolean("broadcast", true);
    }

    void operator()(const EventMessage& message) const
    {
        auto writer = begin(MessageType::event, message);
        const bool endsReplay =
            isNew() && (message.live || message.more) && message.replay && message.topic.empty();
        if (!endsReplay) writer.string("topic", message.topic);
        if (message.data) writer.json("data", message.data->text());
        if (message.sequenceNumber) writer.number("sequenceNumber", *message.sequenceNumber);
        if (isNew() && message.live) writer.boolean("live", true);
        if (isNew() && message.more) writer.boolean("more", true);
        if (isNew() && message.replay) writer.string("replay", *message.replay);
    }

    void operator()(const AckMessage& message) const
    {
        auto writer = begin(MessageType::ack, message);
        writer.string("messageId", message.messageId).boolean("success", message.success);
        if (!isNew()) return;
        if (message.sequenceNumber) writer.number("sequenceNumber", *message.sequenceNumber);
        if (message.clientId) writer.string("clientId", *message.clientId);
        if (message.dedupWindow) writer.number("dedupWindow", message.dedupWindow->count());
        if (message.maxMessageSize) writer.number("maxMessageSize", *message.maxMessageSize);
    }

    void operator()(const ErrorMessage& message) const
    {
        auto writer = begin(MessageType::error, message);
        writer.string("code", message.code).string("message", message.message);
        if (message.details) writer.json("details", message.details->text());
        if (message.messageId) writer.string("messageId", *message.messageId);
        if (!isNew()) return;
        if (message.retriable) writer.boolean("retriable", *message.retriable);
        if (message.retryAfter) writer.number("retryAfter", message.retryAfter->count());
    }

    void operator()(const PingMessage& message) const
    {
        static_cast<void>(begin(MessageType::ping, message));
    }

    void operator()(const PongMessage& message) const
    {
        appendPong(out_, message.id, message.timestamp, message.latency, version_);
    }

private:
    [[nodiscard]] bool isNew() const noexcept { return version_ == ProtocolVersion::v1_1; }

    template <typename One>
    [[nodiscard]] Writer begin(MessageType type, const One& message) const
    {
        return Writer(out_, type, message.id, message.timestamp, version_);
    }

    std::string& out_;
    ProtocolVersion version_;
};

}  // namespace

void appendMessage(std::string& out, const Message& message, ProtocolVersion version)
{
    std::visit(Appender(out, version), message);
}

void appendAck(std::string& out, std::string_view id, Timestamp now, std::string_view messageId, bool success,
               ProtocolVersion version, std::optional<std::uint64_t> sequenceNumber)
{
    const QuotedText own(id);
    const QuotedText request(messageId);
    const auto timestamp = timestampText(now);
    const auto number =
        version == ProtocolVersion::v1_1 && sequenceNumber ? NumberText(*sequenceNumber) : NumberText();
    const auto putInto = [&](auto& to)
    {
        to.put("{\"id\":\"").put(own.view()).put("\",\"type\":\"ack\",\"version\":\"");
        to.put(toString(version)).put("\",\"timestamp\":").put(timestamp.view());
        to.put(",\"messageId\":\"").put(request.view()).put("\",\"success\":");
        to.put(success ? std::string_view("true") : std::string_view("false"));
        if (!number.view().empty()) to.put(",\"sequenceNumber\":").put(number.view());
        to.put("}");
    };
    Measure measure;
    putInto(measure);
    const auto begin = out.size();
    out.resize(begin + measure.size());
    Pen pen(out.data() + begin);
    putInto(pen);
}

void appendError(std::string& out, std::string_view id, Timestamp now, std::string_view code,
                 std::string_view message, std::string_view details, std::string_view messageId,
                 ProtocolVersion version, RetryHint retry)
{
    Writer writer(out, MessageType::error, id, now, version);
    writer.string("code", code).string("message", message);
    if (!details.empty()) writer.json("details", details);
    if (!messageId.empty()) writer.string("messageId", messageId);
    if (version != ProtocolVersion::v1_1) return;
    writer.boolean("retriable", retry.retriable);
    if (retry.after) writer.number("retryAfter", retry.after->count());
}

std::string topicsDetails(const std::vector<std::string>& topics)
{
    std::string details = R"({"topics":)";
    appendStrings(details, topics);
    return details += '}';
}

void appendPong(std::string& out, std::string_view id, Timestamp now, std::chrono::milliseconds latency,
                ProtocolVersion version)
{
    Writer(out, MessageType::pong, id, now, version).number("latency", latency.count());
}

void appendEvent(std::string& out, std::string_view id, Timestamp timestamp, std::string_view topic,
                 std::optional<std::string_view> data, std::optional<std::uint64_t> sequenceNumber,
                 ProtocolVersion version, std::string_view replay)
{
    const EventText text(id, timestamp, topic, data, sequenceNumber, version, replay);
    const auto begin = out.size();
    out.resize(begin + text.size());
    text.write(out.data() + begin);
}

void appendReplayEnd(std::string& out, std::string_view id, Timestamp now, std::string_view replay,
                     ReplayEnd end)
{
    Writer writer(out, MessageType::event, id, now, ProtocolVersion::v1_1);
    writer.boolean(end == ReplayEnd::live ? "live" : "more", true).string("replay", replay);
}

}  // namespace strandcast
