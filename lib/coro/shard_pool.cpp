#include "coro/pool_lease.hpp"

#include <strandcast/error.hpp>
#include <strandcast/shard_pool.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace strandcast
{

class ShardPool::Threads
{
public:
    explicit Threads(std::size_t count)
    {
        for (std::size_t shard = 0; shard < count; ++shard)
        {
            contexts_.push_back(std::make_unique<asio::io_context>(1));
            PoolLease::mark(*contexts_.back(), tenants_);
            idle_.push_back(asio::make_work_guard(*contexts_.back()));
        }
        try
        {
            for (auto& context : contexts_) threads_.emplace_back([&io = *context] { io.run(); });
        }
        catch (...)
        {
            join();
            throw;
        }
    }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    ~Threads()
    {
        // A core that unwinds may need any shard, so all go on until the last has ended.
        tenants_->awaitNone();
        join();
    }

    [[nodiscard]] std::size_t size() const noexcept { return contexts_.size(); }
    [[nodiscard]] asio::io_context& context(std::size_t shard) const { return *contexts_.at(shard); }
    [[nodiscard]] std::size_t next() noexcept
    {
        return next_.fetch_add(1, std::memory_order_relaxed) % size();
    }

private:
    void join() noexcept
    {
        for (auto& context : contexts_) context->stop();
        for (auto& thread : threads_) thread.join();
    }

    std::shared_ptr<PoolTenants> tenants_ = std::make_shared<PoolTenants>();
    std::vector<std::unique_ptr<asio::io_context>> contexts_;
    std::vector<asio::executor_work_guard<ShardExecutor>> idle_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> next_ = 0;
};

ShardPool::ShardPool(std::size_t shards)
{
    if (shards == 0) throw Error(Errc::invalidArgument, "a ShardPool has one shard at least");
    threads_ = std::make_unique<Threads>(shards);
}

ShardPool::~ShardPool() = default;

std::size_t ShardPool::size() const noexcept
{
    return threads_->size();
}

ShardExecutor ShardPool::executor(std::size_t shard) const
{
    return threads_->context(shard).get_executor();
}

ShardExecutor ShardPool::nextExecutor() const noexcept
{
    return threads_->context(threads_->next()).get_executor();
}

}  // namespace strandcast
