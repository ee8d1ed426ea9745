#include "websocket/mask.hpp"

#include <cstring>

namespace strandcast
{

Mask makeMask(std::uint32_t random) noexcept
{
    Mask mask;
    std::memcpy(mask.data(), &random, mask.size());
    return mask;
}

void applyMask(std::span<std::byte> bytes, Mask mask, std::size_t offset) noexcept
{
    Mask rotated;
    for (std::size_t index = 0; index < mask.size(); ++index)
        rotated[index] = mask[(offset + index) % mask.size()];
    std::uint32_t half;
    std::memcpy(&half, rotated.data(), sizeof half);
    const std::uint64_t word = (static_cast<std::uint64_t>(half) << 32) | half;

    // Whole words by memcpy, which the compiler turns into vector instructions whatever the alignment.
    std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 4 * sizeof word; at += 4 * sizeof word, left -= 4 * sizeof word)
    {
        std::uint64_t values[4];
        std::memcpy(values, at, sizeof values);
        for (auto& value : values) value ^= word;
        std::memcpy(at, values, sizeof values);
    }
    for (; left >= sizeof word; at += sizeof word, left -= sizeof word)
    {
        std::uint64_t value;
        std::memcpy(&value, at, sizeof value);
        value ^= word;
        std::memcpy(at, &value, sizeof value);
    }
    for (std::size_t index = 0; index < left; ++index) at[index] ^= rotated[index % rotated.size()];
}

}  // namespace strandcast
