#include "run_until_signal.hpp"

#include <strandcast/error.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <fmt/core.h>

#include <csignal>
#include <cstdlib>
#include <exception>

namespace tool
{

namespace
{

constexpr int endedBySignal = 130;

/// The exit code of a command that ended with `failure`, or with `code`.
int conclude(std::exception_ptr failure, int code, bool wasCancelled)
{
    if (!failure) return code;
    try
    {
        std::rethrow_exception(failure);
    }
    catch (const strandcast::Error& error)
    {
        if (wasCancelled && error.errc() == strandcast::Errc::cancelled) return 0;
        fmt::print(stderr, "strandcast: {}\n", error.what());
    }
    catch (const std::exception& error)
    {
        if (wasCancelled) return 0;
        fmt::print(stderr, "strandcast: {}\n", error.what());
    }
    return 1;
}

}  // namespace

int runUntilSignal(const std::function<asio::awaitable<int>(asio::io_context&)>& command)
{
    asio::io_context io(1);
    asio::cancellation_signal stop;
    asio::signal_set signals(io, SIGINT, SIGTERM);
    bool wasCancelled = false;
    int code = 1;
    std::function<void(const asio::error_code&, int)> onSignal = [&](const asio::error_code& error, int)
    {
        if (error) return;
        if (wasCancelled) std::_Exit(endedBySignal);
        wasCancelled = true;
        stop.emit(asio::cancellation_type::terminal);
        signals.async_wait(onSignal);
    };
    signals.async_wait(onSignal);
    asio::co_spawn(io, command(io),
                   asio::bind_cancellation_slot(stop.slot(),
                                                [&](std::exception_ptr failure, int result)
                                                {
                                                    code = conclude(failure, result, wasCancelled);
                                                    signals.cancel();
                                                }));
    io.run();
    return code;
}

asio::awaitable<bool> takeCancellation()
{
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) co_return false;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_return true;
}

}  // namespace tool
