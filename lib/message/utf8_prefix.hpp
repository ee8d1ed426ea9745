#pragma once

#include <cstddef>
#include <string_view>

namespace strandcast
{

/// How many bytes at the front of `text` are UTF-8 (RFC 3629, section 4): all of them where nothing is wrong,
/// else up to the first character that is malformed or cut off.
[[nodiscard]] std::size_t utf8PrefixLength(std::string_view text) noexcept;

}  // namespace strandcast
