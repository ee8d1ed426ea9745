#pragma once

#include <cstdint>

namespace strandcast
{

/// RFC 6455, section 5.2.
enum class Opcode : std::uint8_t
{
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

[[nodiscard]] constexpr bool isControl(Opcode opcode) noexcept
{
    return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

/// Which end of a connection this is. Two things differ: who masks, and who ends the TCP connection first.
enum class Role : std::uint8_t
{
    server,
    client,
};

}  // namespace strandcast
