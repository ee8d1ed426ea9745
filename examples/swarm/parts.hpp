#pragma once

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <list>
#include <utility>

namespace swarm
{

/// Coroutines that run side by side on one thread: all can be cancelled, and are awaited to their ends. The
/// first that fails cancels the others. It may not go before all have ended.
class Parts
{
public:
    explicit Parts(asio::io_context& io) : io_(io), changed_(io, asio::steady_timer::time_point::max()) {}

    void start(asio::awaitable<void> part)
    {
        if (isCancelled_) return;
        ++running_;
        const auto signal = signals_.emplace(signals_.end());
        asio::co_spawn(io_, std::move(part),
                       asio::bind_cancellation_slot(signal->slot(),
                                                    [this, signal](const std::exception_ptr& failure)
                                                    { ended(signal, failure); }));
    }

    void cancel()
    {
        isCancelled_ = true;
        // One that ends at once takes its signal out.
        for (auto signal = signals_.begin(); signal != signals_.end();)
            (signal++)->emit(asio::cancellation_type::terminal);
    }

    [[nodiscard]] bool isCancelled() const noexcept { return isCancelled_; }

    /// Waits for the ends of all.
    /// @throws what the first that failed has thrown, unless that was after cancel().
    asio::awaitable<void> wait()
    {
        asio::error_code ignored;
        while (running_ > 0) co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (failure_) std::rethrow_exception(failure_);
    }

    /// Cancels all, and waits for their ends; how they end is no matter.
    asio::awaitable<void> end()
    {
        cancel();
        asio::error_code ignored;
        while (running_ > 0) co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

private:
    void ended(std::list<asio::cancellation_signal>::iterator signal, const std::exception_ptr& failure)
    {
        signals_.erase(signal);
        --running_;
        if (failure && !isCancelled_)
        {
            failure_ = failure;
            cancel();
        }
        if (running_ == 0) changed_.cancel();
    }

    asio::io_context& io_;
    asio::steady_timer changed_;
    std::list<asio::cancellation_signal> signals_;
    std::size_t running_ = 0;
    std::exception_ptr failure_;
    bool isCancelled_ = false;
};

}  // namespace swarm
