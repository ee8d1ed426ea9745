#pragma once

#include "websocket/extensions.hpp"
#include "websocket/opcode.hpp"

#include <strandcast/deflate_options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace strandcast
{

/// How one side compresses.
struct DeflateContext
{
    std::uint8_t windowBits = 15;
    bool takeover = true;  ///< a message may refer to those before it

    friend bool operator==(const DeflateContext&, const DeflateContext&) = default;
};

/// What both sides agreed on (RFC 7692, section 7.1).
struct DeflateParameters
{
    DeflateContext server;
    DeflateContext client;

    [[nodiscard]] const DeflateContext& of(Role role) const noexcept
    {
        return role == Role::server ? server : client;
    }

    friend bool operator==(const DeflateParameters&, const DeflateParameters&) = default;
};

/// What a server agrees to of what a client offers, and how it says so.
struct AcceptedDeflate
{
    DeflateParameters parameters;
    std::string answer;  ///< the value of its Sec-WebSocket-Extensions
};

/// The first offer of permessage-deflate that a server can accept; others are declined, as the RFC says.
[[nodiscard]] std::optional<AcceptedDeflate> acceptDeflate(const std::vector<Extension>& offers,
                                                           const DeflateOptions& options);

/// What a client offers: the value of its Sec-WebSocket-Extensions.
[[nodiscard]] std::string deflateOffer(const DeflateOptions& options);

/// What the server made of that offer: nothing where it declined it, and a text for people where its answer
/// is none to it.
[[nodiscard]] std::variant<std::optional<DeflateParameters>, std::string>
readDeflateAnswer(const std::vector<Extension>& answer, const DeflateOptions& offered);

}  // namespace strandcast
