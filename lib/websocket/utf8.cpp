#include "websocket/utf8.hpp"

#include <cstring>

namespace strandcast
{

namespace
{

constexpr std::size_t stepSize = 16;

#ifdef __SSE2__

/// Whether the next `count` steps are ASCII; one test for all of them.
template <std::size_t count>
bool areAscii(const std::byte* bytes) noexcept
{
    // The compilers' own vectors: no header is needed.
    using Step = char __attribute__((vector_size(stepSize)));
    Step all{};
    for (std::size_t index = 0; index < count; ++index)
    {
        Step step;
        std::memcpy(&step, bytes + index * stepSize, sizeof step);
        all |= step;
    }
    return __builtin_ia32_pmovmskb128(all) == 0;
}

#else

/// Whether the next `count` steps are ASCII; one test for all of them.
template <std::size_t count>
bool areAscii(const std::byte* bytes) noexcept
{
    std::uint64_t words[count * stepSize / sizeof(std::uint64_t)];
    std::memcpy(words, bytes, sizeof words);
    std::uint64_t all = 0;
    for (const auto word : words) all |= word;
    return (all & 0x8080808080808080) == 0;
}

#endif

// How many bytes at the front are ASCII, in steps, or all of them.
std::size_t asciiSteps(const std::byte* bytes, std::size_t size) noexcept
{
    if (size < stepSize) return 0;
    std::size_t done = 0;
    while (size - done >= 4 * stepSize && areAscii<4>(bytes + done)) done += 4 * stepSize;
    while (size - done >= stepSize && areAscii<1>(bytes + done)) done += stepSize;
    if (size - done >= stepSize) return done;
    // What is left over, with some of what was looked at before.
    return areAscii<1>(bytes + size - stepSize) ? size : done;
}

}  // namespace

bool Utf8Validator::accept(std::span<const std::byte> bytes) noexcept
{
    const std::byte* at = bytes.data();
    const std::byte* const end = at + bytes.size();
    while (at != end)
    {
        if (left_ == 0) at += asciiSteps(at, static_cast<std::size_t>(end - at));
        if (at == end) break;
        const auto byte = static_cast<std::uint8_t>(*at++);
        if (left_ == 0)
        {
            if (byte >= 0x80 && !begin(byte)) return false;
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
