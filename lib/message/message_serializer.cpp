#include "message/envelope.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message_serializer.hpp>

#include <algorithm>
#include <utility>

namespace strandcast
{

std::string MessageSerializer::serialize(const Message& message) const
{
    std::string text;
    appendMessage(text, message, version_);
    return text;
}

Message MessageSerializer::deserialize(std::string_view text) const
{
    auto parsed = parseMessage(text, {.maxDepth = maxDepth_, .newest = version_});
    if (auto* const refused = std::get_if<Refusal>(&parsed))
        throw Error(Errc::invalidMessage, std::move(refused->message));
    return std::move(std::get<Message>(parsed));
}

std::optional<std::string> MessageValidator::validate(std::string_view text) const
{
    auto parsed = parseMessage(text);
    if (auto* const refused = std::get_if<Refusal>(&parsed)) return std::move(refused->message);
    return std::nullopt;
}

std::optional<std::string> MessageValidator::validate(const Message& message) const
{
    return std::visit(
        [](const auto& one) -> std::optional<std::string>
        {
            if (one.id.empty()) return "'id' must be a string that is not empty";
            if (one.timestamp == Timestamp()) return "'timestamp' must be other than 0";
            return std::nullopt;
        },
        message);
}

VersionNegotiator::VersionNegotiator(std::vector<std::string> supported) : supported_(std::move(supported)) {}

bool VersionNegotiator::isSupported(std::string_view version) const noexcept
{
    return std::find(supported_.begin(), supported_.end(), version) != supported_.end();
}

std::optional<std::string> VersionNegotiator::select(const std::vector<std::string>& offered) const
{
    for (const auto& version : supported_)
        if (std::find(offered.begin(), offered.end(), version) != offered.end()) return version;
    return std::nullopt;
}

}  // namespace strandcast
