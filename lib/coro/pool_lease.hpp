#pragma once

#include <strandcast/strand.hpp>

#include <asio/execution_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace strandcast
{

/// How many cores live on the shards of a pool.
class PoolTenants
{
public:
    void enter();
    void leave();
    /// Blocks until nobody is left.
    void awaitNone();

private:
    std::mutex mutex_;
    std::condition_variable left_;
    std::size_t count_ = 0;
};

/// Held by a core from its construction to its very end, so that the pool on one of whose shards it lives
/// does not go before it. On an io_context that is no pool's it means nothing.
class PoolLease
{
public:
    explicit PoolLease(ShardExecutor executor);
    PoolLease(const PoolLease&) = delete;
    PoolLease& operator=(const PoolLease&) = delete;
    ~PoolLease();

    /// Makes an io_context one of a pool's.
    static void mark(asio::execution_context& context, std::shared_ptr<PoolTenants> tenants);

private:
    std::shared_ptr<PoolTenants> tenants_;
};

}  // namespace strandcast
