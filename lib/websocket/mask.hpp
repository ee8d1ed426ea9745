#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace strandcast
{

/// The four bytes of a masking key, in the order in which they stand in a frame.
using Mask = std::array<std::byte, 4>;

[[nodiscard]] Mask makeMask(std::uint32_t random) noexcept;

/// Masks or unmasks `bytes` in place (RFC 6455, section 5.3), which begin `offset` bytes into the payload.
void applyMask(std::span<std::byte> bytes, Mask mask, std::size_t offset = 0) noexcept;

}  // namespace strandcast
