#pragma once

#include "message/plain_length.hpp"

#include <cstddef>
#include <string_view>

namespace strandcast
{

/// A place in a JSON text, from which pieces are taken. A loop over many goes on with a copy of its own,
/// which lies in registers.
class JsonCursor
{
public:
    explicit JsonCursor(std::string_view text) noexcept
        : begin_(text.data()),
          at_(begin_),
          end_(begin_ + text.size())
    {
    }

    [[nodiscard]] std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
    void moveTo(std::size_t position) noexcept { at_ = begin_ + position; }
    [[nodiscard]] bool atEnd() const noexcept { return at_ == end_; }

    /// What lies between an earlier place and this one.
    [[nodiscard]] std::string_view since(const JsonCursor& earlier) const noexcept
    {
        return {earlier.at_, static_cast<std::size_t>(at_ - earlier.at_)};
    }

    /// The character that is next; 0 at the end.
    [[nodiscard]] char peek() const noexcept { return at_ < end_ ? *at_ : '\0'; }

    /// Goes on behind the character that is next; there is one.
    char next() noexcept { return *at_++; }

    /// Takes `character` if it is next.
    [[nodiscard]] bool take(char character) noexcept
    {
        if (at_ == end_ || *at_ != character) return false;
        ++at_;
        return true;
    }

    void skipSpace() noexcept
    {
        for (; at_ < end_; ++at_)
        {
            const char character = *at_;
            if (character > ' ') return;  // as nearly all
            if (character != ' ' && character != '\t' && character != '\n' && character != '\r') return;
        }
    }

    /// Up to what does not stand for itself in a string, or the end.
    void skipPlain() noexcept { at_ = plainEnd(at_, begin_, end_); }

    /// Takes a string without escapes, as most are; if another value is next, or none, it takes nothing.
    [[nodiscard]] bool takePlainString() noexcept
    {
        if (peek() != '"') return false;
        const auto* const end = plainEnd(at_ + 1, begin_, end_);
        if (end == end_ || *end != '"') return false;
        at_ = end + 1;
        return true;
    }

private:
    const char* begin_;
    const char* at_;
    const char* end_;
};

}  // namespace strandcast
