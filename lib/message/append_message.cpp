#include "message/envelope.hpp"
#include "message/json_scanner.hpp"

#include <fmt/format.h>

#include <iterator>
#include <variant>

namespace strandcast
{

namespace
{

/// Appends the fields of one message, beginning with its envelope.
class Writer
{
public:
    Writer(std::string& out, MessageType type, std::string_view id, Timestamp timestamp) : out_(out)
    {
        out_ += "{\"id\":";
        appendJsonString(out_, id);
        fmt::format_to(std::back_inserter(out_), R"(,"type":"{}","version":"{}","timestamp":{})",
                       toString(type), protocolVersion, timestamp.time_since_epoch().count());
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
        fmt::format_to(std::back_inserter(out_), "{}", value);
        return *this;
    }

    Writer& strings(std::string_view name, const std::vector<std::string>& values)
    {
        key(name);
        char separator = '[';
        for (const auto& value : values)
        {
            out_ += separator;
            appendJsonString(out_, value);
            separator = ',';
        }
        out_ += values.empty() ? "[]" : "]";
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

void append(std::string& out, const VersionNegotiationMessage& message)
{
    Writer writer(out, MessageType::versionNegotiation, message.id, message.timestamp);
    writer.strings("supportedVersions", message.supportedVersions);
    if (message.selectedVersion) writer.string("selectedVersion", *message.selectedVersion);
}

void append(std::string& out, const AuthMessage& message)
{
    Writer writer(out, MessageType::auth, message.id, message.timestamp);
    writer.string("token", message.token);
    if (message.metadata) writer.json("metadata", message.metadata->text());
}

void append(std::string& out, const SubscribeMessage& message)
{
    Writer writer(out, MessageType::subscribe, message.id, message.timestamp);
    writer.strings("topics", message.topics);
    if (message.patterns) writer.strings("patterns", *message.patterns);
}

void append(std::string& out, const UnsubscribeMessage& message)
{
    Writer(out, MessageType::unsubscribe, message.id, message.timestamp).strings("topics", message.topics);
}

void append(std::string& out, const PublishMessage& message)
{
    Writer writer(out, MessageType::publish, message.id, message.timestamp);
    writer.string("topic", message.topic);
    if (message.data) writer.json("data", message.data->text());
    if (message.broadcast) writer.boolean("broadcast", true);
}

void append(std::string& out, const EventMessage& message)
{
    appendEvent(out, message.id, message.timestamp, message.topic,
                message.data ? std::optional<std::string_view>(message.data->text()) : std::nullopt,
                message.sequenceNumber);
}

void append(std::string& out, const AckMessage& message)
{
    appendAck(out, message.id, message.timestamp, message.messageId, message.success);
}

void append(std::string& out, const ErrorMessage& message)
{
    appendError(out, message.id, message.timestamp, message.code, message.message,
                message.details ? std::string_view(message.details->text()) : std::string_view(),
                message.messageId.value_or(""));
}

void append(std::string& out, const PingMessage& message)
{
    Writer(out, MessageType::ping, message.id, message.timestamp);
}

void append(std::string& out, const PongMessage& message)
{
    appendPong(out, message.id, message.timestamp, message.latency);
}

}  // namespace

void appendMessage(std::string& out, const Message& message)
{
    std::visit([&](const auto& one) { append(out, one); }, message);
}

void appendAck(std::string& out, std::string_view id, Timestamp now, std::string_view messageId, bool success)
{
    Writer(out, MessageType::ack, id, now).string("messageId", messageId).boolean("success", success);
}

void appendError(std::string& out, std::string_view id, Timestamp now, std::string_view code,
                 std::string_view message, std::string_view details, std::string_view messageId)
{
    Writer writer(out, MessageType::error, id, now);
    writer.string("code", code).string("message", message);
    if (!details.empty()) writer.json("details", details);
    if (!messageId.empty()) writer.string("messageId", messageId);
}

void appendPong(std::string& out, std::string_view id, Timestamp now, std::chrono::milliseconds latency)
{
    Writer(out, MessageType::pong, id, now).number("latency", latency.count());
}

void appendEvent(std::string& out, std::string_view id, Timestamp timestamp, std::string_view topic,
                 std::optional<std::string_view> data, std::optional<std::uint64_t> sequenceNumber)
{
    Writer writer(out, MessageType::event, id, timestamp);
    writer.string("topic", topic);
    if (data) writer.json("data", *data);
    if (sequenceNumber) writer.number("sequenceNumber", *sequenceNumber);
}

}  // namespace strandcast
