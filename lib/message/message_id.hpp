#pragma once

#include <strandcast/message.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strandcast
{

/// A message id in the form in use: `<ms since epoch>-<9 characters of base 36>`. It needs no memory.
class MessageIdText
{
public:
    MessageIdText(Timestamp now, std::uint64_t random) noexcept;

    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    static constexpr std::size_t randomDigits = 9;

    std::array<char, 20 + 1 + randomDigits> text_;  // not initialised
    std::size_t size_;
};

/// The same as a string.
[[nodiscard]] std::string formatMessageId(Timestamp now, std::uint64_t random);

}  // namespace strandcast
