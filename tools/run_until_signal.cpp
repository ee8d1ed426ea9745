#include "run_until_signal.hpp"

#include "report.hpp"

#include <strandcast/error.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <system_error>

namespace tool
{

namespace
{

/// The exit code by which a shell knows a program that a signal has ended.
int codeOf(int signal)
{
    return 128 + signal;
}

bool isCancellation(const std::system_error& error)
{
    return error.code() == strandcast::Errc::cancelled || error.code() == asio::error::operation_aborted;
}

/// The exit code of a command that ended with `failure`. `signal` is 0 where there was none.
int conclude(const std::exception_ptr& failure, int signal, Interruption interruption)
{
    try
    {
        std::rethrow_exception(failure);
    }
    catch (const std::system_error& error)
    {
        if (signal != 0 && isCancellation(error))
            return interruption == Interruption::isEnd ? 0 : codeOf(signal);
        report(error.what());
    }
    catch (const std::exception& error)
    {
        report(error.what());
    }
    return 1;
}

}  // namespace

int runUntilSignal(const std::function<asio::awaitable<int>(asio::io_context&)>& command,
                   Interruption interruption)
{
    asio::io_context io(1);
    asio::cancellation_signal stop;
    asio::signal_set signals(io, SIGINT, SIGTERM);
    int received = 0;
    int code = 1;
    std::function<void(const asio::error_code&, int)> onSignal =
        [&](const asio::error_code& error, int signal)
    {
        if (error) return;
        if (received != 0) std::_Exit(codeOf(signal));
        received = signal;
        stop.emit(asio::cancellation_type::terminal);
        signals.async_wait(onSignal);
    };
    signals.async_wait(onSignal);
    const auto conclusion = [&](const std::exception_ptr& failure, int result)
    {
        code = failure ? conclude(failure, received, interruption) : result;
        signals.cancel();
    };
    asio::co_spawn(io, command(io), asio::bind_cancellation_slot(stop.slot(), conclusion));
    io.run();
    return code;
}

}  // namespace tool
