#include "message/json_scanner.hpp"
#include "message/utf8_prefix.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace strandcast
{

namespace
{

// A peer reads messages that are nested 128 deep, and the message itself is one of these levels.
constexpr std::size_t maxJsonDepth = 127;

std::string tooDeep()
{
    return fmt::format("JSON is nested too deep: {} levels at most", maxJsonDepth);
}

constexpr std::array typeNames = {
    std::pair{MessageType::versionNegotiation, std::string_view("version-negotiation")},
    std::pair{MessageType::auth, std::string_view("auth")},
    std::pair{MessageType::subscribe, std::string_view("subscribe")},
    std::pair{MessageType::unsubscribe, std::string_view("unsubscribe")},
    std::pair{MessageType::publish, std::string_view("publish")},
    std::pair{MessageType::event, std::string_view("event")},
    std::pair{MessageType::ack, std::string_view("ack")},
    std::pair{MessageType::error, std::string_view("error")},
    std::pair{MessageType::ping, std::string_view("ping")},
    std::pair{MessageType::pong, std::string_view("pong")},
};

constexpr std::array<std::string_view, 2> versions = {protocolVersion, "1.1.0"};

}  // namespace

Json Json::parse(std::string_view text)
{
    if (const auto error = checkJson(text, maxJsonDepth))
        throw Error(Errc::invalidMessage,
                    error->isTooDeep ? tooDeep() : fmt::format("not JSON: {}", error->text()));
    // RFC 8259, section 8.1. A text that is not would cost its sender the connection (RFC 6455, section 8.1).
    if (const auto readable = utf8PrefixLength(text); readable != text.size())
        throw Error(Errc::invalidMessage, fmt::format("not JSON: UTF-8 was expected at byte {}", readable));
    const auto begin = text.find_first_not_of(" \t\r\n");
    const auto end = text.find_last_not_of(" \t\r\n");
    return fromValidText(std::string(text.substr(begin, end - begin + 1)));
}

Json::Json(const boost::json::value& value) : text_(boost::json::serialize(value))
{
    const auto readable = utf8PrefixLength(text_);
    if (readable != text_.size())
        throw Error(Errc::invalidArgument,
                    fmt::format("strings in JSON must be UTF-8; byte {} is not, of {:.40}", readable,
                                std::string_view(text_).substr(0, readable)));
    // Every level takes two bytes.
    if (text_.size() > 2 * maxJsonDepth && checkJson(text_, maxJsonDepth))
        throw Error(Errc::invalidArgument, tooDeep());
}

Json::Json(std::initializer_list<Member> members) : Json(boost::json::value(boost::json::object(members))) {}

boost::json::value Json::value() const
{
    boost::json::error_code error;
    boost::json::parse_options options;
    options.max_depth = deepestNesting;  // whatever a peer sent
    auto value = boost::json::parse(text_, error, {}, options);
    if (error)
        throw Error(Errc::invalidMessage,
                    fmt::format("JSON that cannot be held as a value: {}", error.message()));
    return value;
}

std::string_view toString(MessageType type) noexcept
{
    return typeNames[static_cast<std::size_t>(type)].second;
}

std::optional<MessageType> messageTypeFrom(std::string_view text) noexcept
{
    for (const auto& [type, name] : typeNames)
        if (name == text) return type;
    return std::nullopt;
}

std::string_view toString(ProtocolVersion version) noexcept
{
    return versions[static_cast<std::size_t>(version)];
}

std::optional<ProtocolVersion> protocolVersionFrom(std::string_view text) noexcept
{
    const auto found = std::find(versions.begin(), versions.end(), text);
    if (found == versions.end()) return std::nullopt;
    return static_cast<ProtocolVersion>(found - versions.begin());
}

bool sentByClient(MessageType type) noexcept
{
    switch (type)
    {
    case MessageType::versionNegotiation:
    case MessageType::auth:
    case MessageType::subscribe:
    case MessageType::unsubscribe:
    case MessageType::publish:
    case MessageType::ping: return true;
    case MessageType::event:
    case MessageType::ack:
    case MessageType::error:
    case MessageType::pong: return false;
    }
    return false;
}

bool sentByServer(MessageType type) noexcept
{
    return type == MessageType::versionNegotiation || !sentByClient(type);
}

const std::string& messageId(const Message& message) noexcept
{
    return std::visit([](const auto& one) -> const std::string& { return one.id; }, message);
}

}  // namespace strandcast
