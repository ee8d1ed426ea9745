#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strandcast
{

/// The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455, section 4.2.2).
[[nodiscard]] std::string acceptKey(std::string_view key);

/// A Sec-WebSocket-Key from 16 random bytes.
[[nodiscard]] std::string makeKey(std::uint64_t random1, std::uint64_t random2);

/// RFC 4648, section 4.
[[nodiscard]] std::string base64(std::string_view bytes);

/// Whether a Sec-WebSocket-Key is 16 bytes in base64.
[[nodiscard]] bool isKey(std::string_view key);

}  // namespace strandcast
