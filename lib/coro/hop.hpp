#pragma once

#include <strandcast/error.hpp>
#include <strandcast/strand.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace strandcast
{

/// What a hop's body leaves behind: a value, or for void a mark. Optional, because co_spawn wants results
/// that it can make without one.
template <typename T, typename Executor>
struct HopResult
{
    using type = std::optional<T>;

    static asio::awaitable<type, Executor> run(asio::awaitable<T, Executor> body)
    {
        auto result = co_await std::move(body);
        co_return type(std::move(result));
    }
};

template <typename Executor>
struct HopResult<void, Executor>
{
    using type = std::optional<bool>;

    static asio::awaitable<type, Executor> run(asio::awaitable<void, Executor> body)
    {
        co_await std::move(body);
        co_return true;
    }
};

/// A caller's cancellation must not touch the shard's coroutine from the caller's thread: its slot posts to a
/// signal that lives on the shard.
struct HopCancellation
{
    asio::cancellation_signal signal;
    bool ended = false;
};

template <typename T, typename Executor>
struct HopInitiation
{
    using Result = typename HopResult<T, Executor>::type;

    template <typename Handler>
    void operator()(Handler handler, Executor target, asio::awaitable<T, Executor> body) const
    {
        auto caller = asio::get_associated_executor(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto cancellation = std::make_shared<HopCancellation>();
        if (slot.is_connected())
            slot.assign(
                [target, cancellation](asio::cancellation_type type)
                {
                    asio::post(target,
                               [cancellation, type]
                               {
                                   if (!cancellation->ended) cancellation->signal.emit(type);
                               });
                });

        auto finish = [cancellation, slot, work = asio::make_work_guard(caller),
                       handler = std::make_shared<Handler>(std::move(handler))](std::exception_ptr failure,
                                                                                Result result) mutable
        {
            cancellation->ended = true;
            const auto executor = work.get_executor();
            // Let go of only when dispatch() is over: a context that runs out of work earlier may be gone
            // while this thread is still on its way out of it.
            const auto until = work;
            asio::dispatch(executor,
                           [slot, work = std::move(work), handler = std::move(handler), failure,
                            result = std::move(result)]() mutable
                           {
                               slot.clear();
                               auto own = std::move(*handler);
                               handler.reset();
                               std::move(own)(failure, std::move(result));
                           });
        };
        asio::dispatch(target,
                       [target, cancellation, body = std::move(body), finish = std::move(finish)]() mutable
                       {
                           auto slotThere = cancellation->signal.slot();
                           asio::co_spawn(target, HopResult<T, Executor>::run(std::move(body)),
                                          asio::bind_cancellation_slot(slotThere, std::move(finish)));
                       });
    }
};

/// Runs `body` on `target`, with the caller waiting on its own executor.
/// @throws what the body throws; Error with Errc::cancelled in place of operation_aborted.
template <typename Caller, typename Executor, typename T>
[[nodiscard]] asio::awaitable<T, Caller> hopBetween(Executor target, asio::awaitable<T, Executor> body)
{
    using Result = typename HopResult<T, Executor>::type;
    using Token = asio::use_awaitable_t<Caller>;
    bool cancelled = false;
    Result result;
    try
    {
        result = co_await asio::async_initiate<const Token&, void(std::exception_ptr, Result)>(
            HopInitiation<T, Executor>{}, Token(), target, std::move(body));
    }
    catch (const asio::system_error& failure)
    {
        if (failure.code() != asio::error::operation_aborted) throw;
        cancelled = true;
    }
    if (cancelled) throw Error(Errc::cancelled);
    if constexpr (!std::is_void_v<T>) co_return std::move(*result);
}

/// The way by which every public operation reaches its shard: runs `body` there, and ends on the caller's
/// executor, whichever that is. On the shard's own thread nothing is posted.
///
/// Cancelling the caller cancels the body, and the hop ends when the body has. The caller's executor counts
/// the hop as outstanding work.
/// @throws what the body throws; Error with Errc::cancelled in place of operation_aborted.
template <typename T>
[[nodiscard]] asio::awaitable<T> hop(ShardExecutor shard, Strand<T> body)
{
    return hopBetween<asio::any_io_executor>(shard, std::move(body));
}

/// The way back: a strand awaits a hook of the application's, which runs on the strand's own shard.
/// @throws as hop().
template <typename T>
[[nodiscard]] Strand<T> callHook(ShardExecutor shard, asio::awaitable<T> hook)
{
    return hopBetween<ShardExecutor>(asio::any_io_executor(shard), std::move(hook));
}

}  // namespace strandcast
