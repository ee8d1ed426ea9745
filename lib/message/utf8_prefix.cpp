#include "message/utf8_prefix.hpp"

#include <cstdint>
#include <cstring>

namespace strandcast
{

namespace
{

// The length of the character of several bytes that `text` begins with; 0 where it begins with none.
std::size_t sequenceLength(std::string_view text) noexcept
{
    const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
    const auto first = byte(0);
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;

    // The second byte's bounds refuse overlong forms, surrogates, and what is beyond U+10FFFF.
    const std::uint8_t lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < lowest || byte(1) > highest) return 0;
    for (std::size_t index = 2; index < length; ++index)
        if (byte(index) < 0x80 || byte(index) > 0xBF) return 0;
    return length;
}

}  // namespace

std::size_t utf8PrefixLength(std::string_view text) noexcept
{
    std::size_t position = 0;
    while (position < text.size())
    {
        constexpr std::uint64_t highs = 0x8080808080808080;
        std::uint64_t word = 0;
        if (position + sizeof word <= text.size())
        {
            std::memcpy(&word, text.data() + position, sizeof word);
            if ((word & highs) == 0)
            {
                position += sizeof word;
                continue;
            }
        }
        if (static_cast<std::uint8_t>(text[position]) < 0x80)
        {
            ++position;
            continue;
        }
        const auto length = sequenceLength(text.substr(position));
        if (length == 0) break;
        position += length;
    }
    return position;
}

}  // namespace strandcast
