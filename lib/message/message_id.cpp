#include "message/message_id.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace strandcast
{

// By hand: each publish takes two, its event's and its ack's.
std::string formatMessageId(Timestamp now, std::uint64_t random)
{
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    constexpr std::size_t randomDigits = 9;
    std::array<char, 20 + 1 + randomDigits> text;
    auto* end = std::to_chars(text.data(), text.data() + 20, now.time_since_epoch().count()).ptr;
    *end++ = '-';
    for (std::size_t digit = 0; digit < randomDigits; ++digit)
    {
        *end++ = digits[random % digits.size()];
        random /= digits.size();
    }
    return {text.data(), end};
}

}  // namespace strandcast
