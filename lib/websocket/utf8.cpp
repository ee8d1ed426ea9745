#include "websocket/utf8.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace strandcast
{

namespace
{

constexpr std::size_t stepSize = 16;

#ifdef __SSE2__

// The compilers' own vectors: no header is needed.
using Step = char __attribute__((vector_size(stepSize)));

Step stepAt(const std::byte* bytes) noexcept
{
    Step step;
    std::memcpy(&step, bytes, sizeof step);
    return step;
}

// A bit for each of sixteen bytes that is not ASCII.
unsigned othersAt(const std::byte* bytes) noexcept
{
    return static_cast<unsigned>(__builtin_ia32_pmovmskb128(stepAt(bytes)));
}

// One test for four steps.
bool areFourStepsAscii(const std::byte* bytes) noexcept
{
    const auto all = stepAt(bytes) | stepAt(bytes + stepSize) | stepAt(bytes + 2 * stepSize) |
                     stepAt(bytes + 3 * stepSize);
    return __builtin_ia32_pmovmskb128(all) == 0;
}

#else

// A bit for each of sixteen bytes that is not ASCII.
unsigned othersAt(const std::byte* bytes) noexcept
{
    unsigned others = 0;
    for (std::size_t place = 0; place < stepSize; ++place)
        others |= static_cast<unsigned>(bytes[place] >> 7) << place;
    return others;
}

// One test for four steps.
bool areFourStepsAscii(const std::byte* bytes) noexcept
{
    std::array<std::uint64_t, 4 * stepSize / sizeof(std::uint64_t)> words;
    std::memcpy(words.data(), bytes, sizeof words);
    std::uint64_t all = 0;
    for (const auto word : words) all |= word;
    return (all & 0x8080808080808080) == 0;
}

#endif

// How many bytes at the front are ASCII.
std::size_t asciiLength(const std::byte* bytes, std::size_t size) noexcept
{
    std::size_t done = 0;
    while (size - done >= 4 * stepSize && areFourStepsAscii(bytes + done)) done += 4 * stepSize;
    for (; size - done >= stepSize; done += stepSize)
        if (const auto others = othersAt(bytes + done); others != 0)
            return done + static_cast<std::size_t>(std::countr_zero(others));
    if (size >= stepSize && done < size)
    {
        // The last sixteen, without those before.
        const auto others = othersAt(bytes + size - stepSize) >> (stepSize - (size - done));
        return others == 0 ? size : done + static_cast<std::size_t>(std::countr_zero(others));
    }
    while (done < size && bytes[done] < std::byte{0x80}) ++done;
    return done;
}

}  // namespace

bool Utf8Validator::accept(std::span<const std::byte> bytes) noexcept
{
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    while (at != end)
    {
        if (left_ == 0 && *at < std::byte{0x80})
        {
            at += asciiLength(at, static_cast<std::size_t>(end - at));
            continue;
        }
        const auto byte = static_cast<std::uint8_t>(*at++);
        if (left_ == 0)
        {
            if (!begin(byte)) return false;
            continue;
        }
        if (byte < lowest_ || byte > highest_) return false;
        lowest_ = 0x80;
        highest_ = 0xBF;
        --left_;
    }
    return true;
}

// RFC 3629, section 4: the first byte bounds the second.
bool Utf8Validator::begin(std::uint8_t byte) noexcept
{
    if (byte < 0xC2 || byte > 0xF4) return false;
    left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    switch (byte)
    {
    case 0xE0: lowest_ = 0xA0; break;
    case 0xED: highest_ = 0x9F; break;
    case 0xF0: lowest_ = 0x90; break;
    case 0xF4: highest_ = 0x8F; break;
    default: break;
    }
    return true;
}

}  // namespace strandcast
