#include "message/string_stops.hpp"

#include "message/plain_ascii.hpp"
#include "message/word_at.hpp"

#include <bit>
#include <cstring>

namespace strandcast
{

namespace
{

constexpr std::size_t stepSize = 16;

#ifdef __SSE2__

// A bit for each of sixteen characters.
inline std::uint64_t stopsAt(const char* at) noexcept
{
    // The compilers' own vectors: no header is needed.
    using Bytes = unsigned char __attribute__((vector_size(stepSize)));
    using Signs = char __attribute__((vector_size(stepSize)));
    const auto all = [](char character)
    {
        Bytes bytes;
        std::memset(&bytes, character, sizeof bytes);
        return bytes;
    };
    Bytes bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    // One bit turned, a quote is the next above the controls, and nothing else gets to that or below.
    const auto isStop = ((bytes ^ all(0x02)) <= all(0x20)) | (bytes == all('\\'));
    Signs signs;
    std::memcpy(&signs, &isStop, sizeof signs);
    return static_cast<unsigned>(__builtin_ia32_pmovmskb128(signs));
}

#else

// A bit for each of eight characters, which lie in a word, the first in its lowest byte.
constexpr std::uint64_t stopsIn(std::uint64_t word) noexcept
{
    constexpr std::uint64_t ones = 0x0101010101010101;
    // The highest bit of each byte that is 0.
    const auto zeros = [](std::uint64_t bytes)
    { return ~(((bytes & ones * 0x7F) + ones * 0x7F) | bytes) & ones * 0x80; };
    const auto stops = zeros(word ^ ones * '"') | zeros(word ^ ones * '\\') | zeros(word & ones * 0xE0);
    return (stops >> 7) * 0x0102040810204080 >> 56;
}

// A bit for each of sixteen characters.
std::uint64_t stopsAt(const char* at) noexcept
{
    if constexpr (std::endian::native == std::endian::little)
        return stopsIn(wordAt<std::uint64_t>(at)) | stopsIn(wordAt<std::uint64_t>(at + 8)) << 8;
    std::uint64_t stops = 0;
    for (std::size_t place = 0; place < stepSize; ++place)
        stops |= std::uint64_t{!isPlain(at[place])} << place;
    return stops;
}

#endif

// Of fewer than sixteen characters, the last ones of a text.
std::uint64_t stopsOfLast(const char* at, const char* begin, const char* end) noexcept
{
    const auto size = static_cast<std::size_t>(end - at);
    if (static_cast<std::size_t>(end - begin) >= stepSize)
        return stopsAt(end - stepSize) >> (stepSize - size);
    std::uint64_t stops = 0;
    for (std::size_t place = 0; place < size; ++place) stops |= std::uint64_t{!isPlain(at[place])} << place;
    return stops;
}

}  // namespace

StringStops::Window StringStops::look(const char* at, const char* begin, const char* end) noexcept
{
    for (; end - at >= 64; at += windowSize)
    {
        const auto stops =
            stopsAt(at) | stopsAt(at + 16) << 16 | stopsAt(at + 32) << 32 | stopsAt(at + 48) << 48;
        if (stops != 0) return {at, stops};
    }
    const auto size = static_cast<std::size_t>(end - at);
    auto stops = std::uint64_t{1} << size;  // the end
    std::size_t done = 0;
    for (; size - done >= stepSize; done += stepSize) stops |= stopsAt(at + done) << done;
    if (done < size) stops |= stopsOfLast(at + done, begin, end) << done;
    return {at, stops};
}

}  // namespace strandcast
