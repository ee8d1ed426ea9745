#pragma once

#include "message/json_scanner.hpp"
#include "message/plain_ascii.hpp"

#include <strandcast/message.hpp>

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace strandcast
{

// What a text is put together of whose size is known before a byte of it is written, so that it is written
// once, where it stays.

/// A whole number in decimal.
class NumberText
{
public:
    NumberText() = default;
    explicit NumberText(std::integral auto number)
    {
        const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr;
        size_ = static_cast<std::uint8_t>(end - digits_.data());
    }

    [[nodiscard]] std::string_view view() const noexcept { return {digits_.data(), size_}; }

private:
    std::array<char, 20> digits_ = {};
    std::uint8_t size_ = 0;
};

/// The digits of a moment. They are kept for who asks next, for whom it is nearly always the same
/// millisecond.
[[nodiscard]] NumberText timestampText(Timestamp moment);

/// What stands between the quotes of a JSON string: the characters themselves, as nearly always.
class QuotedText
{
public:
    explicit QuotedText(std::string_view characters) : view_(characters)
    {
        if (isPlainAscii(characters)) return;
        appendJsonString(escaped_, characters);
        view_ = std::string_view(escaped_).substr(1, escaped_.size() - 2);
    }
    QuotedText(const QuotedText&) = delete;
    QuotedText& operator=(const QuotedText&) = delete;

    [[nodiscard]] std::string_view view() const noexcept { return view_; }

private:
    std::string escaped_;
    std::string_view view_;
};

/// Writes pieces of text one behind the other, to where there is room for all of them.
class Pen
{
public:
    explicit Pen(char* out) noexcept : out_(out) {}

    /// A literal, which the compiler turns into a few moves.
    template <std::size_t size>
    Pen& put(const char (&literal)[size]) noexcept
    {
        std::memcpy(out_, literal, size - 1);
        out_ += size - 1;
        return *this;
    }

    Pen& put(std::string_view text) noexcept
    {
        if (!text.empty()) std::memcpy(out_, text.data(), text.size());
        out_ += text.size();
        return *this;
    }

    [[nodiscard]] char* end() const noexcept { return out_; }

private:
    char* out_;
};

/// The same pieces, of which only the size is asked for.
class Measure
{
public:
    template <std::size_t size>
    Measure& put(const char (&)[size]) noexcept
    {
        size_ += size - 1;
        return *this;
    }
    Measure& put(std::string_view text) noexcept
    {
        size_ += text.size();
        return *this;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::size_t size_ = 0;
};

}  // namespace strandcast
