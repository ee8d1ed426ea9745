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

/// Not 0 where any of sixteen characters does not stand for itself in a string: a bit for each.
[[nodiscard]] inline unsigned othersAt(const char* at) noexcept
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
    Bytes bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    // One bit turned, a quote is the next above the controls, and nothing else gets to that or below.
    const auto isOther = ((bytes ^ all(0x02)) <= all(0x20)) | (bytes == all('\\'));
    Signs signs;
    std::memcpy(&signs, &isOther, sizeof signs);
    return static_cast<unsigned>(__builtin_ia32_pmovmskb128(signs));
}

/// The same as plainEnd(), of what is longer, or near the end.
[[nodiscard]] const char* longPlainEnd(const char* at, const char* begin, const char* end) noexcept;

/// Where, from `at` on, characters end that stand for themselves in a string: at `end`, or before. What lies
/// before `at`, from `begin` on, may be looked at as well.
[[nodiscard]] inline const char* plainEnd(const char* at, const char* begin, const char* end) noexcept
{
    // What is short ends in the first step, for more of the message follows it.
    if (end - at < 16) return longPlainEnd(at, begin, end);
    if (const auto others = othersAt(at); others != 0) return at + std::countr_zero(others);
    return longPlainEnd(at + 16, begin, end);
}

#else

/// Where, from `at` on, characters end that stand for themselves in a string: at `end`, or before.
[[nodiscard]] inline const char* plainEnd(const char* at, const char*, const char* end) noexcept
{
    for (; end - at >= 8; at += 8)
        if (othersIn(wordAt<std::uint64_t>({at, 8}, 0)) != 0) break;
    while (at < end && isPlain(*at)) ++at;
    return at;
}

#endif

/// How many characters from `position` on stand for themselves in a string.
[[nodiscard]] inline std::size_t plainLength(std::string_view text, std::size_t position = 0) noexcept
{
    const auto* const begin = text.data();
    const auto* const from = begin + position;
    return static_cast<std::size_t>(plainEnd(from, begin, begin + text.size()) - from);
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
