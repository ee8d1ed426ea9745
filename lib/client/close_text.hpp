#pragma once

#include <strandcast/close_reason.hpp>

#include <string>

namespace strandcast
{

/// A close reason for people: `close code 1001, Server shutting down`.
[[nodiscard]] std::string describe(const CloseReason& reason);

}  // namespace strandcast
