#pragma once

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

/// Eight bytes at a time: segments are short. Of the last step the words overlap, so that each is one load.
[[nodiscard]] inline std::uint64_t textHash(std::string_view text, std::uint64_t seed) noexcept
{
    const auto wordAt = [&](std::size_t position)
    {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + position, sizeof word);
        return word;
    };
    const auto halfAt = [&](std::size_t position)
    {
        std::uint32_t half = 0;
        std::memcpy(&half, text.data() + position, sizeof half);
        return std::uint64_t{half};
    };
    const auto size = text.size();
    auto hash = seed ^ size;
    if (size >= 8)
    {
        for (std::size_t position = 0; position + 8 < size; position += 8)
            hash = mixed(hash ^ wordAt(position));
        return mixed(hash ^ wordAt(size - 8));
    }
    if (size >= 4) return mixed(hash ^ halfAt(0) ^ halfAt(size - 4) << 32);
    if (size == 0) return hash;
    // One to three: the first, the one in the middle and the last are all of them.
    const auto byteAt = [&](std::size_t position)
    { return std::uint64_t{static_cast<unsigned char>(text[position])}; };
    return mixed(hash ^ byteAt(0) ^ byteAt(size / 2) << 8 ^ byteAt(size - 1) << 16);
}

}  // namespace strandcast
