#include "client/close_text.hpp"

#include <fmt/format.h>

namespace strandcast
{

std::string describe(const CloseReason& reason)
{
    if (reason.text.empty()) return fmt::format("close code {}", static_cast<int>(reason.code));
    return fmt::format("close code {}, {}", static_cast<int>(reason.code), reason.text);
}

}  // namespace strandcast
