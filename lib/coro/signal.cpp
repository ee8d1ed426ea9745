#include "coro/signal.hpp"

#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>

namespace strandcast
{

namespace
{

// A timer's wait ends with the same error when it is notified and when its strand is cancelled.
Strand<> waitOn(Timer& timer)
{
    asio::error_code notified;
    co_await timer.async_wait(asio::redirect_error(useStrand, notified));
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none)
        throw asio::system_error(asio::error::operation_aborted);
}

}  // namespace

Signal::Signal(ShardExecutor executor) : timer_(executor, Timer::time_point::max()) {}

void Signal::notify() noexcept
{
    timer_.cancel();
}

Strand<> Signal::wait()
{
    return waitOn(timer_);
}

Strand<> Signal::waitUntil(Clock& clock, Clock::time_point deadline)
{
    struct Armed
    {
        Clock& clock;
        Timer& timer;

        Armed(Clock& armedBy, Timer& armed, Clock::time_point at) : clock(armedBy), timer(armed)
        {
            clock.arm(timer, at);
        }
        ~Armed()
        {
            clock.disarm(timer);
            timer.expires_at(Timer::time_point::max());
        }
    };
    const Armed armed(clock, timer_, deadline);
    co_await waitOn(timer_);
}

}  // namespace strandcast
