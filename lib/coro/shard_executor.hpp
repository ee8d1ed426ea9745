#pragma once

#include <strandcast/strand.hpp>

#include <asio/any_io_executor.hpp>

namespace strandcast
{

/// The executor of an asio::io_context behind a type-erased one.
/// @throws Error with Errc::invalidArgument where it is of another kind, such as a thread pool's or an
/// asio::strand.
[[nodiscard]] ShardExecutor shardExecutorOf(const asio::any_io_executor& executor);

}  // namespace strandcast
