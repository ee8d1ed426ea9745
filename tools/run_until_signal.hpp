#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <functional>

namespace tool
{

/// Runs a command to its end and gives its exit code. Ctrl-C and SIGTERM cancel it, and it ends in its own
/// good order; a second one ends the program at once. What it throws is told in one line, and is exit code 1.
[[nodiscard]] int runUntilSignal(const std::function<asio::awaitable<int>(asio::io_context&)>& command);

/// Whether the coroutine that asks was cancelled; if so it is not any more, so that it can end in good order.
[[nodiscard]] asio::awaitable<bool> takeCancellation();

}  // namespace tool
