#pragma once

#include <cstdint>
#include <string_view>

namespace strandcast
{

/// What a log knows a session of version 1.1.0 by as a publisher: the same over its reconnects and on every
/// node, another one under another identity, and not 0. Who found two sessions of one value would hide
/// nothing but their own events from each other.
[[nodiscard]] constexpr std::uint64_t publisherOf(std::string_view identity,
                                                  std::string_view session) noexcept
{
    // FNV-1a; the identity's length keeps the two apart.
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](std::uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
    for (auto length = identity.size(); length > 0; length >>= 8) add(length & 0xFF);
    add(0);
    for (const char character : identity) add(static_cast<unsigned char>(character));
    for (const char character : session) add(static_cast<unsigned char>(character));
    return hash | 1;
}

}  // namespace strandcast
