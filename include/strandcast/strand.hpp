#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

namespace strandcast
{

/// The one executor type of everything that lives on a shard: an `io_context` that one thread runs. A
/// concrete type, because a type-erased executor on the way of an event doubles its cost.
using ShardExecutor = asio::io_context::executor_type;

/// A coroutine that lives on a shard. The public operations are `asio::awaitable<T>` instead, which may be
/// awaited from anywhere; a Strand is what transports, brokers and clocks of an application's own are written
/// with.
template <typename T = void>
using Strand = asio::awaitable<T, ShardExecutor>;

/// The completion token with which a Strand awaits an operation of Asio's.
inline constexpr asio::use_awaitable_t<ShardExecutor> useStrand;

}  // namespace strandcast
