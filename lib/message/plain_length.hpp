#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace strandcast
{

/// Whether a character stands for itself in a JSON string.
[[nodiscard]] constexpr bool isPlain(char character) noexcept
{
    return static_cast<unsigned char>(character) >= 0x20 && character != '"' && character != '\\';
}

template <typename Word>
[[nodiscard]] inline Word wordAt(std::string_view text, std::size_t position) noexcept
{
    Word word = 0;
    std::memcpy(&word, text.data() + position, sizeof word);
    return word;
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

#ifdef __SSE2__

/// How many characters from `position` on stand for themselves in a string. Sixteen at a time: what is short
/// ends in the first step, for more of the message follows it, and the last step looks once more at some
/// before it.
[[nodiscard]] inline std::size_t plainLength(std::string_view text, std::size_t position = 0) noexcept
{
    // The compilers' own vectors: no header is needed.
    using Bytes = unsigned char __attribute__((vector_size(16)));
    using Signs = char __attribute__((vector_size(16)));
    const auto all = [](char character)
    {
        Bytes bytes;
        std::memset(&bytes, character, sizeof bytes);
        return bytes;
    };
    const auto othersAt = [&](std::size_t at)
    {
        Bytes bytes;
        std::memcpy(&bytes, text.data() + at, sizeof bytes);
        const auto isOther = (bytes < all(0x20)) | (bytes == all('"')) | (bytes == all('\\'));
        Signs signs;
        std::memcpy(&signs, &isOther, sizeof signs);
        return static_cast<unsigned>(__builtin_ia32_pmovmskb128(signs));
    };
    const auto begin = position;
    for (; position + sizeof(Bytes) <= text.size(); position += sizeof(Bytes))
        if (const auto others = othersAt(position); others != 0)
            return position - begin + static_cast<std::size_t>(std::countr_zero(others));
    if (text.size() >= sizeof(Bytes) && position < text.size())
    {
        const auto last = text.size() - sizeof(Bytes);
        const auto others = othersAt(last) >> (position - last);
        const auto end =
            others == 0 ? text.size() : position + static_cast<std::size_t>(std::countr_zero(others));
        return end - begin;
    }
    while (position < text.size() && isPlain(text[position])) ++position;
    return position - begin;
}

#else

/// How many characters from `position` on stand for themselves in a string. Eight at a time.
[[nodiscard]] inline std::size_t plainLength(std::string_view text, std::size_t position = 0) noexcept
{
    const auto begin = position;
    for (; position + sizeof(std::uint64_t) <= text.size(); position += sizeof(std::uint64_t))
        if (othersIn(wordAt<std::uint64_t>(text, position)) != 0) break;
    while (position < text.size() && isPlain(text[position])) ++position;
    return position - begin;
}

#endif

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
            if (!isAll(wordAt<std::uint64_t>(text, position))) return false;
        return isAll(wordAt<std::uint64_t>(text, size - 8));
    }
    if (size >= 4)
        return isAll(wordAt<std::uint32_t>(text, 0) | std::uint64_t{wordAt<std::uint32_t>(text, size - 4)}
                                                          << 32);
    for (const char character : text)
        if (!isPlain(character) || static_cast<unsigned char>(character) >= 0x80) return false;
    return true;
}

}  // namespace strandcast
