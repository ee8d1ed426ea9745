#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <tuple>
#include <utility>

namespace strandcast
{

/// What race() and join() are made of, and the one use of a parallel group: Asio's `||` waits for the first
/// success and leaves a failed strand's partner running, its `&&` hides which side failed.
template <typename Until, typename Executor, std::same_as<asio::awaitable<void, Executor>>... Strands>
asio::awaitable<void, Executor> runInParallel(Until until, asio::awaitable<void, Executor> first,
                                              Strands... others)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto launch = [executor](asio::awaitable<void, Executor> body)
    {
        return [executor, body = std::move(body)](auto token) mutable
        { return asio::co_spawn(executor, std::move(body), std::move(token)); };
    };
    auto group =
        asio::experimental::make_parallel_group(launch(std::move(first)), launch(std::move(others))...);
    const auto ended = co_await group.async_wait(until, asio::use_awaitable_t<Executor>());

    const auto errors =
        std::apply([](const auto&, const auto&... error)
                   { return std::array<std::exception_ptr, sizeof...(error)>{error...}; }, ended);
    for (const std::size_t index : std::get<0>(ended))  // in the order in which the strands ended
    {
        if (errors[index]) std::rethrow_exception(errors[index]);
        if constexpr (std::same_as<Until, asio::experimental::wait_for_one>) co_return;
    }
}

/// Runs the strands until the first one ends, cancels the others, waits for them; rethrows what ended the
/// first. Cancelling it cancels them all, and still waits for their end.
template <typename Executor, typename... Strands>
asio::awaitable<void, Executor> race(asio::awaitable<void, Executor> first, Strands... others)
{
    return runInParallel<asio::experimental::wait_for_one, Executor>(asio::experimental::wait_for_one(),
                                                                     std::move(first), std::move(others)...);
}

/// Runs the strands until all have ended; the first failure cancels the others and is rethrown as it was.
template <typename Executor, typename... Strands>
asio::awaitable<void, Executor> join(asio::awaitable<void, Executor> first, Strands... others)
{
    return runInParallel<asio::experimental::wait_for_one_error, Executor>(
        asio::experimental::wait_for_one_error(), std::move(first), std::move(others)...);
}

}  // namespace strandcast
