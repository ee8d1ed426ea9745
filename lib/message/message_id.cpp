#include "message/message_id.hpp"

#include "message/text_pieces.hpp"

namespace strandcast
{

namespace
{

constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t pairs = digits.size() * digits.size();

// Two digits at a time, the lower one first.
constexpr auto digitPairs = []
{
    std::array<std::array<char, 2>, pairs> table{};
    for (std::size_t pair = 0; pair < pairs; ++pair)
        table[pair] = {digits[pair % digits.size()], digits[pair / digits.size()]};
    return table;
}();

}  // namespace

// By hand: each publish takes two, its event's and its ack's.
MessageIdText::MessageIdText(Timestamp now, std::uint64_t random) noexcept
{
    const auto moment = timestampText(now);
    auto* end = Pen(text_.data()).put(moment.view()).put("-").end();
    for (std::size_t pair = 0; pair < randomDigits / 2; ++pair)
    {
        const auto& two = digitPairs[random % pairs];
        *end++ = two[0];
        *end++ = two[1];
        random /= pairs;
    }
    *end++ = digits[random % digits.size()];
    size_ = static_cast<std::size_t>(end - text_.data());
}

std::string formatMessageId(Timestamp now, std::uint64_t random)
{
    return std::string(MessageIdText(now, random).view());
}

}  // namespace strandcast
