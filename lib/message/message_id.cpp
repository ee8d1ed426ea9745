#include "message/message_id.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace strandcast
{

std::string formatMessageId(Timestamp now, std::uint64_t random)
{
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::array<char, 9> suffix;
    for (char& digit : suffix)
    {
        digit = digits[random % digits.size()];
        random /= digits.size();
    }
    return fmt::format("{}-{}", now.time_since_epoch().count(),
                       std::string_view(suffix.data(), suffix.size()));
}

}  // namespace strandcast
