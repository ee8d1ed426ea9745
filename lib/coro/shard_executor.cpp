#include "coro/shard_executor.hpp"

#include <strandcast/error.hpp>

namespace strandcast
{

ShardExecutor shardExecutorOf(const asio::any_io_executor& executor)
{
    if (const auto* const shard = executor.target<ShardExecutor>()) return *shard;
    throw Error(Errc::invalidArgument, "an executor of an asio::io_context is expected");
}

}  // namespace strandcast
