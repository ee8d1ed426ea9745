#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <cstdint>
#include <functional>

namespace tool
{

/// What Ctrl-C is to a command.
enum class Interruption : std::uint8_t
{
    isEnd,      ///< the way to end it: exit code 0
    isFailure,  ///< its work is undone: exit code 128 and the signal's number, as of a program that it killed
};

/// Runs a command to its end and gives its exit code. Ctrl-C and SIGTERM cancel it, once, and it ends in its
/// own good order; for that it first disables cancellation, or every co_await that follows throws. Another
/// one ends the program at once. What the command throws is told in one line, and is exit code 1;
/// Errc::cancelled after a signal is the interruption.
[[nodiscard]] int runUntilSignal(const std::function<asio::awaitable<int>(asio::io_context&)>& command,
                                 Interruption interruption = Interruption::isEnd);

}  // namespace tool
