#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace strandcast
{

/// Checks UTF-8 (RFC 3629) as it arrives, in pieces of any size, and fails at the first byte that cannot be.
class Utf8Validator
{
public:
    /// Takes the next bytes. False once a byte was wrong.
    [[nodiscard]] bool accept(std::span<const std::byte> bytes) noexcept;

    /// Whether what was taken does not end within a character.
    [[nodiscard]] bool isComplete() const noexcept { return left_ == 0; }

    void reset() noexcept { *this = Utf8Validator(); }

private:
    [[nodiscard]] bool begin(std::uint8_t byte) noexcept;

    std::uint8_t left_ = 0;  // continuation bytes that the character still wants
    std::uint8_t lowest_ =
        0x80;  // bounds on the next one: they refuse overlong forms, surrogates and what is too high
    std::uint8_t highest_ = 0xBF;
};

/// The same for a text that is there at once.
[[nodiscard]] inline bool isUtf8(std::span<const std::byte> bytes) noexcept
{
    Utf8Validator validator;
    return validator.accept(bytes) && validator.isComplete();
}

}  // namespace strandcast
