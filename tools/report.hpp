#pragma once

#include <string>
#include <string_view>

namespace tool
{

/// What strangers wrote, fit for a terminal: their control characters would be commands to it.
[[nodiscard]] std::string printable(std::string text);

/// Tells `text` on standard error, as one line of this program's. Where that cannot be written there is
/// nobody left to tell.
void report(std::string_view text);

}  // namespace tool
