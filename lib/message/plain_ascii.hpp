#pragma once

#include "message/word_at.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strandcast
{

/// Whether a character stands for itself in a JSON string.
[[nodiscard]] constexpr bool isPlain(char character) noexcept
{
    return static_cast<unsigned char>(character) >= 0x20 && character != '"' && character != '\\';
}

/// Not 0 where any of a word's bytes is below 0x20, or a quote, or a backslash: the highest bit of the lowest
/// such byte is set then, and sometimes one right above it.
[[nodiscard]] constexpr std::uint64_t othersIn(std::uint64_t word) noexcept
{
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    const auto zeros = [](std::uint64_t bytes) { return (bytes - ones) & ~bytes & highs; };
    const auto controls = (word - ones * 0x20) & ~word & highs;
    return controls | zeros(word ^ (ones * '"')) | zeros(word ^ (ones * '\\'));
}

/// Whether all of a text is ASCII that stands for itself in a string. Of short texts, whose bytes are looked
/// at in words that overlap.
[[nodiscard]] inline bool isPlainAscii(std::string_view text) noexcept
{
    const auto size = text.size();
    constexpr std::uint64_t highs = 0x8080808080808080;
    const auto isAll = [](std::uint64_t word) { return ((word & highs) | othersIn(word)) == 0; };
    if (size >= 8)
    {
        for (std::size_t position = 0; position + 8 < size; position += 8)
            if (!isAll(wordAt<std::uint64_t>(text.data() + position))) return false;
        return isAll(wordAt<std::uint64_t>(text.data() + size - 8));
    }
    if (size >= 4)
        return isAll(wordAt<std::uint32_t>(text.data()) |
                     std::uint64_t{wordAt<std::uint32_t>(text.data() + size - 4)} << 32);
    for (const char character : text)
        if (!isPlain(character) || static_cast<unsigned char>(character) >= 0x80) return false;
    return true;
}

}  // namespace strandcast
