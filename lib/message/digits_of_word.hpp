#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace strandcast
{

/// The decimal digits at the front of eight characters, all read at once: those that lie in a word, the first
/// in its lowest byte.
class DigitsOfWord
{
public:
    explicit DigitsOfWord(std::uint64_t word) noexcept : values_(word ^ ones * '0')
    {
        // The highest bit of each byte that is above 9; what is below another's is exact.
        const auto others = (((values_ & ones * 0x7F) + ones * 0x76) | values_) & ones * 0x80;
        bits_ = static_cast<unsigned>(std::countr_zero(others)) & ~7U;
    }

    /// How many there are, from 0 to 8.
    [[nodiscard]] std::size_t count() const noexcept { return bits_ / 8; }

    /// What a number before them is multiplied with: ten for each.
    [[nodiscard]] std::uint64_t scale() const noexcept
    {
        static constexpr std::array<std::uint64_t, 9> powers = {
            1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
        return powers[count()];
    }

    [[nodiscard]] std::uint64_t number() const noexcept
    {
        if (bits_ == 0) return 0;
        // Zeros before them.
        auto digits = values_ << (64 - bits_);
        // Pairs, then fours, then all: each step adds ten, a hundred or ten thousand times the half before.
        digits = digits * 10 + (digits >> 8);
        digits = (digits & 0x00FF00FF00FF00FF) * 100 + ((digits >> 16) & 0x00FF00FF00FF00FF);
        return ((digits & 0x0000FFFF) * 10'000 + ((digits >> 32) & 0x0000FFFF)) & 0xFFFFFFFF;
    }

private:
    static constexpr std::uint64_t ones = 0x0101010101010101;

    std::uint64_t values_;
    unsigned bits_;  // eight for each digit
};

}  // namespace strandcast
