#include <strandcast/close_reason.hpp>

namespace strandcast
{

bool mayBeSent(CloseCode code) noexcept
{
    const auto number = static_cast<std::uint16_t>(code);
    return (number >= 1000 && number <= 1003) || (number >= 1007 && number <= 1014) ||
           (number >= 3000 && number <= 4999);
}

bool mayReconnect(CloseCode code) noexcept
{
    switch (code)
    {
    case CloseCode::protocolError:
    case CloseCode::unsupportedData:
    case CloseCode::invalidPayload:
    case CloseCode::mandatoryExtension: return false;
    default: return true;  // an open set: applications use 3000 to 4999 as they like
    }
}

}  // namespace strandcast
