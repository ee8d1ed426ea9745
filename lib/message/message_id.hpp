#pragma once

#include <strandcast/message.hpp>

#include <cstdint>
#include <string>

namespace strandcast
{

/// A message id in the form in use: `<ms since epoch>-<9 characters of base 36>`.
[[nodiscard]] std::string formatMessageId(Timestamp now, std::uint64_t random);

}  // namespace strandcast
