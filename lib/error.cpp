#include <strandcast/error.hpp>

#include <array>
#include <utility>

namespace strandcast
{

namespace
{

class Category final : public std::error_category
{
public:
    [[nodiscard]] const char* name() const noexcept override { return "strandcast"; }

    [[nodiscard]] std::string message(int value) const override
    {
        switch (static_cast<Errc>(value))
        {
        case Errc::cancelled: return "the operation was cancelled";
        case Errc::timedOut: return "the deadline passed";
        case Errc::disconnected: return "the connection is gone";
        case Errc::connectFailed: return "the connection could not be made";
        case Errc::refused: return "the server refused the request";
        case Errc::protocolViolation: return "the peer broke the protocol";
        case Errc::invalidArgument: return "an argument is not valid";
        case Errc::invalidMessage: return "the message is not valid";
        case Errc::messageTooLarge: return "the message is too large";
        case Errc::subscriptionLimitReached: return "the limit on subscriptions is reached";
        case Errc::queueFull: return "the queue is full";
        case Errc::addressUnavailable: return "the address cannot be listened on";
        case Errc::alreadyRunning: return "it is running already";
        case Errc::notRunning: return "it is not running";
        }
        return "unknown error " + std::to_string(value);
    }
};

constexpr std::array wireCodes = {
    std::pair{ErrorCode::invalidMessage, std::string_view("INVALID_MESSAGE")},
    std::pair{ErrorCode::unsupportedVersion, std::string_view("UNSUPPORTED_VERSION")},
    std::pair{ErrorCode::authenticationFailed, std::string_view("AUTHENTICATION_FAILED")},
    std::pair{ErrorCode::authorizationFailed, std::string_view("AUTHORIZATION_FAILED")},
    std::pair{ErrorCode::subscriptionFailed, std::string_view("SUBSCRIPTION_FAILED")},
    std::pair{ErrorCode::publishFailed, std::string_view("PUBLISH_FAILED")},
    std::pair{ErrorCode::rateLimitExceeded, std::string_view("RATE_LIMIT_EXCEEDED")},
    std::pair{ErrorCode::internalError, std::string_view("INTERNAL_ERROR")},
};

}  // namespace

const std::error_category& errorCategory() noexcept
{
    static const Category category;
    return category;
}

std::error_code make_error_code(Errc code) noexcept
{
    return {static_cast<int>(code), errorCategory()};
}

Error::Error(Errc code) : Error(code, make_error_code(code).message()) {}

Error::Error(Errc code, std::string what)
    : std::system_error(make_error_code(code)),
      what_(std::make_shared<const std::string>(std::move(what)))
{
}

std::string_view toString(ErrorCode code) noexcept
{
    for (const auto& [known, text] : wireCodes)
        if (known == code) return text;
    return "INTERNAL_ERROR";
}

std::optional<ErrorCode> errorCodeFrom(std::string_view text) noexcept
{
    for (const auto& [code, known] : wireCodes)
        if (known == text) return code;
    return std::nullopt;
}

RemoteError::RemoteError(std::string code, std::string message, std::string details,
                         std::optional<bool> retriable, std::optional<std::chrono::milliseconds> retryAfter)
    : Error(Errc::refused, code + ": " + message),
      remoteCode_(std::move(code)),
      message_(std::move(message)),
      details_(std::move(details)),
      retriable_(retriable),
      retryAfter_(retryAfter)
{
}

}  // namespace strandcast
