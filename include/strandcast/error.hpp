#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace strandcast
{

/// What can go wrong in an operation of this library, for a program to decide by.
/// The text for people is in Error::what().
enum class Errc
{
    cancelled = 1,      ///< the operation, or the object that it belongs to, was ended before it could finish
    timedOut,           ///< its deadline passed
    disconnected,       ///< the connection is gone, or was not there
    connectFailed,      ///< the peer could not be reached, or refused the upgrade
    refused,            ///< the server answered with an error: see RemoteError
    protocolViolation,  ///< the peer broke the WebSocket protocol or this one
    invalidArgument,    ///< what the caller passed cannot be: the message says what, and what was expected
    invalidMessage,     ///< bytes that should be a message, or a payload, are not
    messageTooLarge,    ///< over the limit on messages
    subscriptionLimitReached,  ///< over the limit on subscriptions
    queueFull,                 ///< a bounded queue of the caller's own side has no room
    addressUnavailable,        ///< a listener could not be opened
    alreadyRunning,            ///< it was started before
    notRunning,                ///< it was not started, or has ended
};

/// The category of Errc, named "strandcast".
[[nodiscard]] const std::error_category& errorCategory() noexcept;

[[nodiscard]] std::error_code make_error_code(Errc code) noexcept;

/// What every operation of this library throws. code() is one of Errc; what() says what, where, and what was
/// expected.
class Error : public std::system_error
{
public:
    explicit Error(Errc code);
    Error(Errc code, std::string what);

    [[nodiscard]] Errc errc() const noexcept { return static_cast<Errc>(code().value()); }
    [[nodiscard]] const char* what() const noexcept override { return what_->c_str(); }

private:
    // std::system_error would append the category's text; shared, because copying an exception must not
    // throw.
    std::shared_ptr<const std::string> what_;
};

/// The codes that an `error` message carries (protocol.md, "The envelope").
enum class ErrorCode : std::uint8_t
{
    invalidMessage,        ///< "INVALID_MESSAGE"
    unsupportedVersion,    ///< "UNSUPPORTED_VERSION"
    authenticationFailed,  ///< "AUTHENTICATION_FAILED"
    authorizationFailed,   ///< "AUTHORIZATION_FAILED"
    subscriptionFailed,    ///< "SUBSCRIPTION_FAILED"
    publishFailed,         ///< "PUBLISH_FAILED"
    rateLimitExceeded,     ///< "RATE_LIMIT_EXCEEDED"
    internalError,         ///< "INTERNAL_ERROR"
};

/// The code as it stands on the wire.
[[nodiscard]] std::string_view toString(ErrorCode code) noexcept;

/// The code that stands on the wire as `text`, if it is one of this protocol's.
[[nodiscard]] std::optional<ErrorCode> errorCodeFrom(std::string_view text) noexcept;

/// A server's refusal of a request: Errc::refused, with what the `error` message said.
class RemoteError : public Error
{
public:
    /// `code` and `message` as they came; `details` is the JSON text of the field, empty where there was
    /// none.
    RemoteError(std::string code, std::string message, std::string details = {},
                std::optional<bool> retriable = {}, std::optional<std::chrono::milliseconds> retryAfter = {});

    /// The code as it came; a server of another make may send one that ErrorCode does not know.
    [[nodiscard]] const std::string& remoteCode() const noexcept { return remoteCode_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// JSON text, or empty.
    [[nodiscard]] const std::string& details() const noexcept { return details_; }
    /// Whether the same request may succeed later, and not before when; nullopt where the server does not
    /// say, as under version 1.0.0.
    [[nodiscard]] std::optional<bool> retriable() const noexcept { return retriable_; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> retryAfter() const noexcept { return retryAfter_; }

private:
    std::string remoteCode_;
    std::string message_;
    std::string details_;
    std::optional<bool> retriable_;
    std::optional<std::chrono::milliseconds> retryAfter_;
};

}  // namespace strandcast

template <>
struct std::is_error_code_enum<strandcast::Errc> : std::true_type
{
};
