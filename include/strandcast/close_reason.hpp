#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strandcast
{

/// The close codes of RFC 6455, section 7.4.1, and of the IANA registry that continues it.
enum class CloseCode : std::uint16_t
{
    normal = 1000,
    goingAway = 1001,
    protocolError = 1002,
    unsupportedData = 1003,
    noStatus = 1005,  ///< never sent: the peer's Close carried no code
    abnormal = 1006,  ///< never sent: the connection ended without a Close
    invalidPayload = 1007,
    policyViolation = 1008,
    messageTooBig = 1009,
    mandatoryExtension = 1010,
    internalError = 1011,
    serviceRestart = 1012,
    tryAgainLater = 1013,
    badGateway = 1014,
    tlsHandshake = 1015,  ///< never sent
};

/// Why a connection ended, as a Close frame says it.
struct CloseReason
{
    CloseCode code = CloseCode::normal;  ///< may hold any number of 3000 to 4999 as well
    std::string text;                    ///< UTF-8, at most 123 bytes on the wire

    friend bool operator==(const CloseReason&, const CloseReason&) = default;
};

/// Whether a Close frame may carry this code: 1000 to 1003, 1007 to 1014, 3000 to 4999 (RFC 6455,
/// section 7.4).
[[nodiscard]] bool mayBeSent(CloseCode code) noexcept;

/// Whether a client that was closed for this reason should try again: not after 1002, 1003, 1007 and 1010,
/// which would only happen again (protocol.md, "A connection's life").
[[nodiscard]] bool mayReconnect(CloseCode code) noexcept;

}  // namespace strandcast
