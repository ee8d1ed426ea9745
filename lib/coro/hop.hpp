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
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace strandcast
{

/// What a hop's body leaves behind: a value, or for void a mark. Optional, because co_spawn wants results
/// that it can make without one.
template <typename T>
struct HopResult
{
    using type = std::optional<T>;

    static Strand<type> run(Strand<T> body)
    {
        auto result = co_await std::move(body);
        co_return type(std::move(result));
    }
};

template <>
struct HopResult<void>
{
    using type = std::optional<bool>;

    static Strand<type> run(Strand<void> body)
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

template <typename T>
struct HopInitiation
{
    using Result = typename HopResult<T>::type;

    template <typename Handler>
    void operator()(Handler handler, ShardExecutor shard, Strand<T> body) const
    {
        auto caller = asio::get_associated_executor(handler, asio::any_io_executor(shard));
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto cancellation = std::make_shared<HopCancellation>();
        if (slot.is_connected())
            slot.assign(
                [shard, cancellation](asio::cancellation_type type)
                {
                    asio::post(shard,
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
        asio::dispatch(shard,
                       [shard, cancellation, body = std::move(body), finish = std::move(finish)]() mutable
                       {
                           auto slotOnShard = cancellation->signal.slot();
                           asio::co_spawn(shard, HopResult<T>::run(std::move(body)),
                                          asio::bind_cancellation_slot(slotOnShard, std::move(finish)));
                       });
    }
};

/// Runs `body` on `shard`, with the caller waiting on its own executor, whichever that is; the way by which
/// every public operation reaches its shard, and a hook's answer the strand that asked. On the shard's own
/// thread nothing is posted.
///
/// Cancelling the caller cancels the body, and the hop ends when the body has. The caller's executor counts
/// the hop as outstanding work.
/// @throws what the body throws; Error with Errc::cancelled in place of operation_aborted.
template <typename T>
[[nodiscard]] asio::awaitable<T> hop(ShardExecutor shard, Strand<T> body)
{
    using Result = typename HopResult<T>::type;
    bool cancelled = false;
    Result result;
    try
    {
        result =
            co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr, Result)>(
                HopInitiation<T>{}, asio::use_awaitable, shard, std::move(body));
    }
    catch (const asio::system_error& failure)
    {
        if (failure.code() != asio::error::operation_aborted) throw;
        cancelled = true;
    }
    if (cancelled) throw Error(Errc::cancelled);
    if constexpr (!std::is_void_v<T>) co_return std::move(*result);
}

}  // namespace strandcast
