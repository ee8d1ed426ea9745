// What it costs to tell another shard something: batches of sixteen shared pointers, as the router posts
// them, go to and fro between two shards of a pool. With one batch on its way each shard sleeps until it
// comes; with many, neither does.
//
//   crossing BATCHES COUNT      prints microseconds of CPU for each of COUNT crossings, both sides together

#include "coro/mailbox.hpp"
#include "load/server_cpu.hpp"

#include <strandcast/shard_pool.hpp>

#include <asio/post.hpp>
#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <sched.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace
{

using namespace strandcast;

using Batch = std::vector<std::shared_ptr<const int>>;
constexpr std::size_t batchSize = 16;

class Game
{
public:
    explicit Game(std::int64_t count) : left_(count)
    {
        for (std::size_t shard = 0; shard < pool_.size(); ++shard)
            asio::post(pool_.executor(shard), [shard] { keepToCore(shard); });
    }

    /// Until all crossings are done, and no batch is on its way.
    void play(std::size_t batches)
    {
        batches_ = batches;
        for (std::size_t place = 0; place < batches; ++place)
            there_.put(Batch(batchSize, std::make_shared<const int>(0)));
        done_.get_future().wait();
    }

private:
    // Of those that this process may use: a shard that is woken on its waker's own core says little.
    static void keepToCore(std::size_t place)
    {
        ::cpu_set_t cores;
        if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return;
        for (std::size_t core = 0; core < CPU_SETSIZE; ++core)
        {
            if (!CPU_ISSET(core, &cores) || place-- > 0) continue;
            CPU_ZERO(&cores);
            CPU_SET(core, &cores);
            ::sched_setaffinity(0, sizeof cores, &cores);
            return;
        }
    }

    void take(std::vector<Batch>& batches, const Mailbox<Batch>& other)
    {
        for (auto& batch : batches)
        {
            if (left_.fetch_sub(1, std::memory_order_relaxed) > 1)
                other.put(std::move(batch));
            else if (batches_.fetch_sub(1, std::memory_order_acq_rel) == 1)
                done_.set_value();
        }
    }

    std::atomic<std::int64_t> left_;
    std::atomic<std::size_t> batches_ = 0;
    std::promise<void> done_;
    const ShardPool pool_{2};
    const Mailbox<Batch> here_{pool_.executor(0), [this](auto& batches) { take(batches, there_); }};
    const Mailbox<Batch> there_{pool_.executor(1), [this](auto& batches) { take(batches, here_); }};
};

}  // namespace

int main(int count, char** arguments)
{
    if (count != 3)
    {
        std::fputs("usage: crossing BATCHES COUNT\n", stderr);
        return 2;
    }
    const auto crossings = std::atoll(arguments[2]);
    Game game(crossings);
    const load::ServerCpu cpu(::getpid());
    const auto begin = cpu.now();
    game.play(static_cast<std::size_t>(std::atoll(arguments[1])));
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               crossings, static_cast<double>(cpu.now() - begin) / 1000 / static_cast<double>(crossings));
}
