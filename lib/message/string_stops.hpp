#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strandcast
{

/// Where strings of a JSON text may stop: at a quote, a backslash or a control character, and at the text's
/// end. Sixty-four characters are looked at at once, and what was seen of them serves all strings among them.
class StringStops
{
public:
    explicit StringStops(std::string_view text) noexcept
        : begin_(text.data()),
          end_(begin_ + text.size()),
          window_{begin_, 0}
    {
    }

    [[nodiscard]] const char* begin() const noexcept { return begin_; }
    [[nodiscard]] const char* end() const noexcept { return end_; }

    /// The first stop at `at` or behind it, in the text.
    [[nodiscard]] const char* next(const char* at) noexcept
    {
        const auto offset = static_cast<std::size_t>(at - window_.begin);
        if (offset < windowSize)
            if (const auto stops = window_.stops >> offset; stops != 0) return at + std::countr_zero(stops);
        window_ = look(at, begin_, end_);
        return window_.begin + std::countr_zero(window_.stops);
    }

private:
    static constexpr std::size_t windowSize = 64;

    /// Sixty-four characters, and a bit for each that is a stop, the first the lowest.
    struct Window
    {
        const char* begin;
        std::uint64_t stops;
    };

    /// A window with a stop, behind which, from `at` on, there is none before it.
    [[nodiscard]] static Window look(const char* at, const char* begin, const char* end) noexcept;

    const char* begin_;
    const char* end_;
    Window window_;
};

}  // namespace strandcast
