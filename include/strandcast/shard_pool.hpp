#pragma once

#include <strandcast/strand.hpp>

#include <cstddef>
#include <memory>

namespace strandcast
{

/// So many shards, each an `io_context` that one thread of the pool's runs. What is made on the pool is
/// spread over them: a WSServer has a part on each, a WSClient lives on one.
///
/// A pool outlives what is made on it. An exception that a coroutine of the application's lets out of a shard
/// ends the process, as it does on any thread.
class ShardPool
{
public:
    /// Starts `shards` threads.
    /// @throws Error with Errc::invalidArgument for 0; std::system_error where the system gives no thread.
    explicit ShardPool(std::size_t shards = 1);
    ShardPool(const ShardPool&) = delete;
    ShardPool& operator=(const ShardPool&) = delete;

    /// Waits until everything that was made on the pool has ended, then stops the threads and joins them;
    /// coroutines of the application's that have not ended are destroyed. Not on a thread of the pool's.
    ~ShardPool();

    [[nodiscard]] std::size_t size() const noexcept;

    /// Where a shard's coroutines run: `co_spawn(pool.executor(0), …)`.
    /// @param shard less than size().
    [[nodiscard]] ShardExecutor executor(std::size_t shard) const;

    /// The executor of one shard after the other, for what lives on a single one. From any thread.
    [[nodiscard]] ShardExecutor nextExecutor() const noexcept;

private:
    class Threads;
    std::unique_ptr<Threads> threads_;
};

}  // namespace strandcast
