#include "coro/hop.hpp"
#include "coro/mailbox.hpp"
#include "coro/pool_lease.hpp"
#include "coro/postbag.hpp"
#include "coro/sleep.hpp"
#include "coro/task_group.hpp"
#include "support/run.hpp"

#include <strandcast/shard_pool.hpp>

#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>

#include <future>
#include <set>
#include <thread>

using namespace strandcast;

namespace
{

Strand<std::thread::id> whereAmI()
{
    co_return std::this_thread::get_id();
}

/// What lives on a shard of a pool and ends in a later turn, as a server's core does.
struct Tenant
{
    explicit Tenant(ShardExecutor executor, std::atomic<int>& alive) : lease(executor), living(alive)
    {
        ++living;
    }
    ~Tenant() { --living; }

    static Strand<> live(std::shared_ptr<Tenant> tenant, ShardExecutor other)
    {
        // Its last turns need the other shard as well.
        for (int turn = 0; turn < 10; ++turn)
            co_await hopBetween<ShardExecutor>(other, []() -> Strand<> { co_await yieldTurn(); }());
        static_cast<void>(tenant);
    }

    PoolLease lease;
    std::atomic<int>& living;
};

struct Item
{
    int producer;
    int number;
};

}  // namespace

TEST_CASE("each shard of a pool has a thread of its own")
{
    const ShardPool pool(3);
    std::set<std::thread::id> threads{std::this_thread::get_id()};
    for (std::size_t shard = 0; shard < pool.size(); ++shard)
        threads.insert(asio::co_spawn(pool.executor(shard), whereAmI(), asio::use_future).get());
    CHECK(threads.size() == 4);
}

TEST_CASE("a pool gives out its shards one after the other")
{
    const ShardPool pool(2);
    const auto first = pool.nextExecutor();
    const auto second = pool.nextExecutor();
    CHECK(first != second);
    CHECK(pool.nextExecutor() == first);
}

TEST_CASE("a pool without a shard is refused")
{
    CHECK_THROWS_AS(ShardPool(0), Error);
}

TEST_CASE("a pool waits in its destructor for what lives on it, which may need every shard to end")
{
    for (int round = 0; round < 50; ++round)
    {
        std::atomic<int> alive = 0;
        {
            const ShardPool pool(2);
            for (std::size_t shard = 0; shard < 2; ++shard)
                asio::co_spawn(pool.executor(shard),
                               Tenant::live(std::make_shared<Tenant>(pool.executor(shard), alive),
                                            pool.executor(1 - shard)),
                               asio::detached);
        }
        REQUIRE(alive == 0);
    }
}

TEST_CASE("a pool destroys the application's coroutines that have not ended")
{
    std::atomic<bool> destroyed = false;
    struct Mark
    {
        std::atomic<bool>& flag;
        explicit Mark(std::atomic<bool>& set) : flag(set) {}
        ~Mark() { flag = true; }
    };
    {
        const ShardPool pool(1);
        asio::co_spawn(
            pool.executor(0),
            [](std::atomic<bool>& flag) -> Strand<>
            {
                const Mark mark(flag);
                co_await sleepForever();
            }(destroyed),
            asio::detached);
        asio::co_spawn(pool.executor(0), whereAmI(), asio::use_future).get();  // it has begun
    }
    CHECK(destroyed);
}

TEST_CASE("a mailbox delivers what each thread put in, in its order, and nothing twice")
{
    constexpr int producers = 4;
    constexpr int each = 5'000;
    const ShardPool pool(1);
    std::vector<int> next(producers, 0);
    int taken = 0;
    std::promise<void> all;
    bool inOrder = true;
    const Mailbox<Item> mailbox(
        pool.executor(0),
        [&](std::vector<Item>& batch)
        {
            for (const auto& item : batch)
                inOrder = item.number == next[static_cast<std::size_t>(item.producer)]++ && inOrder;
            taken += static_cast<int>(batch.size());
            if (taken == producers * each) all.set_value();
        });
    std::vector<std::thread> threads;
    for (int producer = 0; producer < producers; ++producer)
        threads.emplace_back(
            [&, producer]
            {
                for (int number = 0; number < each; ++number) mailbox.put({producer, number});
            });
    for (auto& thread : threads) thread.join();
    REQUIRE(all.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    CHECK(inOrder);
}

TEST_CASE("what one turn puts into a mailbox comes out as one batch, and nothing once it is closed")
{
    asio::io_context io(1);
    std::vector<std::size_t> batches;
    const Mailbox<int> mailbox(io.get_executor(),
                               [&](std::vector<int>& batch) { batches.push_back(batch.size()); });
    for (int item = 0; item < 10; ++item) mailbox.put(item);
    io.run();
    CHECK(batches == std::vector<std::size_t>{10});
    mailbox.put(1);
    mailbox.close();
    mailbox.put(2);
    io.restart();
    io.run();
    CHECK(batches.size() == 1);
}

TEST_CASE("what a turn has for another shard goes behind all that is ready, as one batch in its order")
{
    asio::io_context own(1);
    asio::io_context other(1);
    std::vector<std::vector<int>> batches;
    const auto mailbox = std::make_shared<const Mailbox<int>>(
        other.get_executor(), [&](std::vector<int>& batch) { batches.push_back(batch); });
    Postbag<int> bag(own.get_executor(), mailbox);
    asio::post(own, [&] { bag.put(1); });
    asio::post(own, [&] { bag.put(2); });
    own.run_one();
    other.run();
    other.restart();
    CHECK(batches.empty());  // the other handler was ready as well
    own.run();
    other.run();
    CHECK(batches == std::vector<std::vector<int>>{{1, 2}});
}

TEST_CASE("what a shard has for another goes at once where that is asked for, and is not said again")
{
    asio::io_context own(1);
    asio::io_context other(1);
    std::vector<std::vector<int>> batches;
    const auto mailbox = std::make_shared<const Mailbox<int>>(
        other.get_executor(), [&](std::vector<int>& batch) { batches.push_back(batch); });
    Postbag<int> bag(own.get_executor(), mailbox);
    bag.put(1);
    bag.send();
    other.run();
    CHECK(batches == std::vector<std::vector<int>>{{1}});
    own.run();
    other.restart();
    other.run();
    CHECK(batches.size() == 1);
}
