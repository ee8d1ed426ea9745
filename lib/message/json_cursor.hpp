#pragma once

#include "message/digits_of_word.hpp"
#include "message/string_stops.hpp"
#include "message/word_at.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace strandcast
{

/// A place in a JSON text, from which pieces are taken. A loop over many goes on with a copy of its own,
/// which lies in registers.
class JsonCursor
{
public:
    explicit JsonCursor(std::string_view text) noexcept : at_(text.data()), stops_(text) {}

    [[nodiscard]] std::size_t position() const noexcept
    {
        return static_cast<std::size_t>(at_ - stops_.begin());
    }
    [[nodiscard]] bool atEnd() const noexcept { return at_ == stops_.end(); }

    /// What lies between an earlier place and this one.
    [[nodiscard]] std::string_view since(const JsonCursor& earlier) const noexcept
    {
        return {earlier.at_, static_cast<std::size_t>(at_ - earlier.at_)};
    }

    /// The character that is next; 0 at the end.
    [[nodiscard]] char peek() const noexcept { return atEnd() ? '\0' : *at_; }

    /// Goes on behind the character that is next; there is one.
    char next() noexcept { return *at_++; }

    /// Takes `character` if it is next.
    [[nodiscard]] bool take(char character) noexcept
    {
        if (atEnd() || *at_ != character) return false;
        ++at_;
        return true;
    }

    /// Takes a literal if it is next.
    template <std::size_t sizeWithEnd>
    [[nodiscard]] bool take(const char (&literal)[sizeWithEnd]) noexcept
    {
        constexpr auto size = sizeWithEnd - 1;
        if (left() < size || std::memcmp(at_, literal, size) != 0) return false;
        at_ += size;
        return true;
    }

    void skipSpace() noexcept
    {
        for (; !atEnd(); ++at_)
        {
            const char character = *at_;
            if (character > ' ') return;  // as nearly all
            if (character != ' ' && character != '\t' && character != '\n' && character != '\r') return;
        }
    }

    /// Takes up to what does not stand for itself in a string, or the end.
    std::string_view takePlain() noexcept
    {
        const auto* const begin = at_;
        at_ = stops_.next(begin);
        return {begin, static_cast<std::size_t>(at_ - begin)};
    }

    /// Takes a string without escapes, as most are; if another value is next, or none, it takes nothing.
    [[nodiscard]] bool takePlainString() noexcept
    {
        if (peek() != '"') return false;
        const auto* const stop = stops_.next(at_ + 1);
        if (stop == stops_.end() || *stop != '"') return false;
        at_ = stop + 1;
        return true;
    }

    /// Takes decimal digits: of fewer than twenty it gives the number.
    [[gnu::always_inline]] std::uint64_t takeDigits() noexcept
    {
        std::uint64_t number = 0;
        if constexpr (std::endian::native == std::endian::little)
        {
            while (left() >= wordSize)
            {
                const DigitsOfWord digits(wordAt<std::uint64_t>(at_));
                number = number * digits.scale() + digits.number();
                at_ += digits.count();
                if (digits.count() < wordSize) return number;
            }
            if (position() + left() >= wordSize && left() > 0)
            {
                // The last of the text, without those before.
                const DigitsOfWord digits(wordAt<std::uint64_t>(stops_.end() - wordSize) >>
                                          (8 * (wordSize - left())));
                at_ += digits.count();
                return number * digits.scale() + digits.number();
            }
        }
        for (; !atEnd() && *at_ >= '0' && *at_ <= '9'; ++at_)
            number = number * 10 + static_cast<std::uint64_t>(*at_ - '0');
        return number;
    }

private:
    static constexpr std::size_t wordSize = sizeof(std::uint64_t);

    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(stops_.end() - at_); }

    const char* at_;
    StringStops stops_;
};

}  // namespace strandcast
