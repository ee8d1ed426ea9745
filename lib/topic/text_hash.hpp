#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace strandcast
{

/// Drawn once per process, so that no client can choose segments that collide. Nothing that is seen from
/// outside depends on it.
[[nodiscard]] std::uint64_t hashSeed() noexcept;

[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t bits) noexcept
{
    bits *= 0x9E3779B97F4A7C15U;
    bits ^= bits >> 32;
    bits *= 0xD6E8FEB86659FD93U;
    return bits ^ (bits >> 32);
}

/// Eight bytes at a time: segments are short.
[[nodiscard]] inline std::uint64_t textHash(std::string_view text, std::uint64_t seed) noexcept
{
    auto hash = seed ^ text.size();
    while (!text.empty())
    {
        std::uint64_t word = 0;
        const auto length = std::min(text.size(), sizeof(word));
        std::memcpy(&word, text.data(), length);
        hash = mixed(hash ^ word);
        text.remove_prefix(length);
    }
    return hash;
}

}  // namespace strandcast
