#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <functional>

namespace tool
{

/// Runs a command to its end and gives its exit code. Ctrl-C and SIGTERM cancel it, once, and it ends in its
/// own good order; for that it first disables cancellation, or every co_await that follows throws. Another
/// one ends the program at once. What the command throws is told in one line, and is exit code 1.
[[nodiscard]] int runUntilSignal(const std::function<asio::awaitable<int>(asio::io_context&)>& command);

}  // namespace tool
