#pragma once

#include <boost/json/value.hpp>
#include <boost/json/value_ref.hpp>

#include <chrono>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace strandcast
{

/// A moment as messages carry it: milliseconds since the Unix epoch.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// A piece of JSON text, kept as the bytes that came: checked, and never rebuilt. A number stays as it was
/// written, however long; a value is made of it only when somebody asks.
class Json
{
public:
    /// A member of an object in the making.
    using Member = std::pair<boost::json::string_view, boost::json::value_ref>;

    /// Checks `text` against RFC 8259, nested at most 127 deep, and keeps it without the space around it.
    /// @throws Error with Errc::invalidMessage, saying where and what was expected.
    [[nodiscard]] static Json parse(std::string_view text);

    /// Takes text that is known to be valid.
    [[nodiscard]] static Json fromValidText(std::string text) { return Json(Valid(), std::move(text)); }

    /// Writes `value` out.
    /// @throws Error with Errc::invalidArgument where a string or a key in it is not UTF-8, or where it is
    /// nested deeper than 127 levels: with its message around it no peer would read it.
    Json(const boost::json::value& value);  // NOLINT(google-explicit-constructor): a value is what users have

    /// An object of these members: `Json data = {{"x", 1}, {"list", {1, 2}}};`
    ///
    /// A list is always an object here. Could it be an array as well, as for a boost::json::value, then
    /// `{{"x", 1}}` would be the array `["x",1]` wherever a std::optional<Json> takes the outer braces for
    /// its own; so that is an error at compile time instead.
    Json(std::initializer_list<Member> members);

    /// The same for whatever a boost::json::value can be made of: numbers, string literals, objects, arrays.
    template <typename T>
        requires(!std::same_as<std::remove_cvref_t<T>, Json> &&
                 !std::same_as<std::remove_cvref_t<T>, boost::json::value> &&
                 std::convertible_to<T, boost::json::value>)
    Json(T&& value)  // NOLINT(google-explicit-constructor)
        : Json(static_cast<const boost::json::value&>(boost::json::value(std::forward<T>(value))))
    {
    }

    /// A JSON string of these characters, which are UTF-8. For JSON text there is parse().
    template <typename T>
        requires(!std::same_as<std::remove_cvref_t<T>, Json> && !std::convertible_to<T, boost::json::value> &&
                 std::convertible_to<T, std::string_view>)
    Json(const T& characters)  // NOLINT(google-explicit-constructor)
        : Json(boost::json::value(boost::json::string(std::string_view(characters))))
    {
    }

    [[nodiscard]] const std::string& text() const& noexcept { return text_; }
    [[nodiscard]] std::string text() && noexcept { return std::move(text_); }

    /// The value that the text stands for.
    /// @throws Error with Errc::invalidMessage where Boost.JSON cannot hold it, as with a lone surrogate.
    [[nodiscard]] boost::json::value value() const;

    /// Compares the text.
    friend bool operator==(const Json&, const Json&) = default;

private:
    struct Valid
    {
    };
    Json(Valid, std::string text) noexcept : text_(std::move(text)) {}

    std::string text_;
};

/// The ten types of messages of version 1.0.0 (protocol.md, "The envelope").
enum class MessageType : std::uint8_t
{
    versionNegotiation,  ///< "version-negotiation"
    auth,                ///< "auth"
    subscribe,           ///< "subscribe"
    unsubscribe,         ///< "unsubscribe"
    publish,             ///< "publish"
    event,               ///< "event"
    ack,                 ///< "ack"
    error,               ///< "error"
    ping,                ///< "ping"
    pong,                ///< "pong"
};

/// The type as it stands on the wire.
[[nodiscard]] std::string_view toString(MessageType type) noexcept;

/// The type that stands on the wire as `text`, if it is one.
[[nodiscard]] std::optional<MessageType> messageTypeFrom(std::string_view text) noexcept;

/// Whether a client sends messages of this type; `version-negotiation` goes both ways.
[[nodiscard]] bool sentByClient(MessageType type) noexcept;
[[nodiscard]] bool sentByServer(MessageType type) noexcept;

/// The protocol version that messages carry unless another was negotiated.
inline constexpr std::string_view protocolVersion = "1.0.0";

/// The versions of the protocol. What is marked with 1.1.0 below is neither written nor read under 1.0.0.
enum class ProtocolVersion : std::uint8_t
{
    v1_0,  ///< "1.0.0"
    v1_1,  ///< "1.1.0"
};

/// The version as it stands on the wire.
[[nodiscard]] std::string_view toString(ProtocolVersion version) noexcept;

/// The version that stands on the wire as `text`, if it is one.
[[nodiscard]] std::optional<ProtocolVersion> protocolVersionFrom(std::string_view text) noexcept;

// Each message begins with its `id`, not empty, the sender's own, and its `timestamp`, not 0. `WSClient`
// fills in both where they are left empty.

struct VersionNegotiationMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::vector<std::string> supportedVersions = {};
    std::optional<std::string> selectedVersion = {};
    /// Of a client that selects 1.1.0: 128 random bits in base64url, which it keeps over its reconnects. The
    /// message itself carries version 1.0.0, whatever it selects.
    std::optional<std::string> session = {};

    friend bool operator==(const VersionNegotiationMessage&, const VersionNegotiationMessage&) = default;
};

struct AuthMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::string token = {};
    std::optional<Json> metadata = {};  ///< an object

    friend bool operator==(const AuthMessage&, const AuthMessage&) = default;
};

struct SubscribeMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::vector<std::string> topics = {};                   ///< exact topics and patterns, mixed
    std::optional<std::vector<std::string>> patterns = {};  ///< the same, kept apart
    std::optional<std::uint64_t> last =
        {};  ///< 1.1.0: so many logged events of each topic first, as a replay

    friend bool operator==(const SubscribeMessage&, const SubscribeMessage&) = default;
};

struct UnsubscribeMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::vector<std::string> topics = {};

    friend bool operator==(const UnsubscribeMessage&, const UnsubscribeMessage&) = default;
};

struct PublishMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::string topic = {};
    std::optional<Json> data = {};  ///< absent is not the same as `null`
    bool broadcast = false;         ///< whether the publisher, if subscribed, gets it as well

    friend bool operator==(const PublishMessage&, const PublishMessage&) = default;
};

struct EventMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::string topic = {};  ///< 1.1.0: empty, and not on the wire, at the end of a replay
    std::optional<Json> data = {};
    std::optional<std::uint64_t> sequenceNumber = {};  ///< of the event in its topic, from 1
    bool live = false;  ///< 1.1.0: the replay has ended, what matches from here on is live
    std::optional<std::string> replay = {};  ///< 1.1.0: the id of the `subscribe` that asked for this
    bool more = false;                       ///< 1.1.0: the replay has ended before it was complete
    /// The whole message as it came, where WSClientOptions::keepText asks for it; it is not written.
    std::optional<Json> wireText = {};

    friend bool operator==(const EventMessage&, const EventMessage&) = default;
};

struct AckMessage
{
    std::string id = {};
    Timestamp timestamp = {};
    std::string messageId = {};  ///< of the request
    bool success = true;
    std::optional<std::uint64_t> sequenceNumber = {};  ///< 1.1.0, of a publish: the event's in its topic
    // 1.1.0, of a version-negotiation:
    std::optional<std::string> clientId = {};
    std::optional<std::chrono::milliseconds> dedupWindow = {};  ///< for so long the log knows a publish again
    std::optional<std::uint64_t> maxMessageSize = {};           ///< in bytes

    friend bool operator==(const AckMessage&, const AckMessage&) = default;
};

struct ErrorMessage
{
    std::string id = {};  ///< the request's, where it answers one
    Timestamp timestamp = {};
    std::string code = {};  ///< one of ErrorCode's, or another server's own
    std::string message = {};
    std::optional<Json> details = {};
    std::optional<std::string> messageId = {};                 ///< the request's as well
    std::optional<bool> retriable = {};                        ///< 1.1.0: whether the same again may succeed
    std::optional<std::chrono::milliseconds> retryAfter = {};  ///< 1.1.0: not before

    friend bool operator==(const ErrorMessage&, const ErrorMessage&) = default;
};

struct PingMessage
{
    std::string id = {};
    Timestamp timestamp = {};

    friend bool operator==(const PingMessage&, const PingMessage&) = default;
};

struct PongMessage
{
    std::string id = {};  ///< the ping's
    Timestamp timestamp = {};
    std::chrono::milliseconds
        latency{};  ///< when the server took the ping in, minus its timestamp; not below 0

    friend bool operator==(const PongMessage&, const PongMessage&) = default;
};

/// In the order of MessageType.
using Message =
    std::variant<VersionNegotiationMessage, AuthMessage, SubscribeMessage, UnsubscribeMessage, PublishMessage,
                 EventMessage, AckMessage, ErrorMessage, PingMessage, PongMessage>;

[[nodiscard]] inline MessageType messageType(const Message& message) noexcept
{
    return static_cast<MessageType>(message.index());
}

[[nodiscard]] const std::string& messageId(const Message& message) noexcept;

}  // namespace strandcast
