#include "coro/sleep.hpp"

#include "coro/signal.hpp"

#include <asio/post.hpp>
#include <asio/this_coro.hpp>

namespace strandcast
{

Strand<> sleepUntil(Clock& clock, Clock::time_point deadline)
{
    Signal never(co_await asio::this_coro::executor);
    while (clock.now() < deadline) co_await never.waitUntil(clock, deadline);
}

Strand<> sleepFor(Clock& clock, Clock::duration duration)
{
    const auto now = clock.now();
    const auto deadline =
        duration > Clock::time_point::max() - now ? Clock::time_point::max() : now + duration;
    co_await sleepUntil(clock, deadline);
}

Strand<> sleepForever()
{
    Signal never(co_await asio::this_coro::executor);
    for (;;) co_await never.wait();
}

Strand<> yieldTurn()
{
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, useStrand);
}

}  // namespace strandcast
