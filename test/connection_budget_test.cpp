#include "support/connection_bench.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// Connections of one shard whose peers read nothing.
struct DeafPeers
{
    FakeClock clock;
    Shard shard;
    ConnectionOptions options;
    std::vector<std::unique_ptr<Transport>> peers;
    std::vector<std::unique_ptr<Heard>> heard;
    std::vector<std::unique_ptr<PeerConnection>> connections;

    DeafPeers(ShardExecutor executor, std::size_t maxQueuedBytes)
        : shard(executor, clock, Random::system(), maxQueuedBytes)
    {
        options.closeTimeout = 1s;
        options.outbox = {1'000'000, 1'000'000'000};
    }

    PeerConnection& add()
    {
        auto ends = makeMemoryTransports(shard.executor(), {.capacity = 1});
        peers.push_back(std::move(ends.second));
        heard.push_back(std::make_unique<Heard>());
        connections.push_back(
            std::make_unique<PeerConnection>(shard, std::move(ends.first), options, *heard.back()));
        return *connections.back();
    }

    [[nodiscard]] std::size_t queued(std::size_t index) const
    {
        return connections[index]->outbox().eventBytes();
    }
};

SharedFrame frameOf(std::size_t size)
{
    return SharedFrame::text(std::string(size - 4, 'x'), "t");  // with the header
}

}  // namespace

TEST_CASE("frames that are let go of in any order are counted no more, and their memory holds others")
{
    QueueBudget budget(1'000'000);
    for (int round = 0; round < 3; ++round)
    {
        std::vector<QueuedFrame> held;
        std::size_t size = 0;
        for (std::size_t index = 0; index < 200; ++index)
        {
            const auto frame = SharedFrame::text(std::string(index % 50, 'x'), index % 2 == 0 ? "even" : "");
            held.push_back(budget.hold(frame));
            held.push_back(budget.hold(frame));
            size += frame.bytes().size();
            CHECK(held.back().isSameAs(held[held.size() - 2]));
            CHECK(held.back().hasTopic() == (index % 2 == 0));
            CHECK(held.back().isAbout("even", std::hash<std::string_view>()("even")) == (index % 2 == 0));
            CHECK(held.back().bytes().data() == frame.bytes().data());
        }
        CHECK(budget.usedBytes() == size);
        for (std::size_t index = 0; index < held.size(); index += 3) held[index].reset();
        CHECK(budget.usedBytes() == size);
        held.clear();
        CHECK(budget.usedBytes() == 0);
    }
}

TEST_CASE("an event that waits in many queues counts once")
{
    asio::io_context io(1);
    DeafPeers deaf(io.get_executor(), 100'000);
    for (int number = 0; number < 50; ++number) deaf.add();
    for (int number = 0; number < 50; ++number)
    {
        const auto frame = frameOf(1'000);
        for (const auto& connection : deaf.connections) CHECK(connection->sendEvent(frame));
    }
    CHECK(deaf.shard.budget().usedBytes() == 50'000);
    for (const auto& heard : deaf.heard) CHECK(heard->dropped.empty());
    deaf.connections.clear();
    CHECK(deaf.shard.budget().usedBytes() == 0);
}

TEST_CASE("at the budget of all queues the fullest ones feel their policy first")
{
    asio::io_context io(1);
    DeafPeers deaf(io.get_executor(), 100'000);
    auto& full = deaf.add();
    auto& modest = deaf.add();
    for (int number = 0; number < 10; ++number) modest.sendEvent(frameOf(1'000));
    for (int number = 0; number < 500; ++number)
    {
        full.sendEvent(frameOf(1'000));
        CHECK(deaf.shard.budget().usedBytes() <= 100'000);
    }
    CHECK(deaf.heard[1]->dropped.empty());
    CHECK(deaf.heard[0]->dropped.size() * 1'000 + deaf.queued(0) == 500'000);
    CHECK(deaf.queued(0) > 70'000);
    for (const auto reason : deaf.heard[0]->reasons) CHECK(reason == DropReason::budget);
}

TEST_CASE("what all queues share goes only with the last of them, so all of them shrink alike")
{
    asio::io_context io(1);
    DeafPeers deaf(io.get_executor(), 100'000);
    for (int number = 0; number < 10; ++number) deaf.add();
    auto& modest = deaf.add();
    modest.sendEvent(frameOf(2'000));
    for (int number = 0; number < 300; ++number)
    {
        const auto frame = frameOf(1'000);
        for (int index = 0; index < 10; ++index)
            deaf.connections[static_cast<std::size_t>(index)]->sendEvent(frame);
        CHECK(deaf.shard.budget().usedBytes() <= 100'000);
    }
    CHECK(deaf.heard[10]->dropped.empty());
    for (std::size_t index = 0; index < 10; ++index) CHECK(deaf.queued(index) > 70'000);
}

TEST_CASE("at the budget dropNewest lets the newest go, and disconnect the fullest clients")
{
    for (const auto policy : {Backpressure::dropNewest, Backpressure::disconnect})
    {
        asio::io_context io(1);
        DeafPeers deaf(io.get_executor(), 10'000);
        deaf.options.outbox.policy = policy;
        auto& full = deaf.add();
        auto& modest = deaf.add();
        modest.sendEvent(frameOf(1'000));
        for (int number = 0; number < 20; ++number)
        {
            const auto dropped = deaf.heard[0]->dropped.size();
            // What is dropped at once was not queued.
            const bool queued = full.sendEvent(frameOf(1'000));
            CHECK(queued == (deaf.heard[0]->dropped.size() == dropped));
        }
        CHECK(deaf.shard.budget().usedBytes() <= 10'000);
        CHECK_FALSE(modest.isClosing());
        CHECK(full.isClosing() == (policy == Backpressure::disconnect));
        CHECK(deaf.heard[0]->dropped.size() + full.outbox().eventsLeft() == 20);
        CHECK(deaf.heard[1]->dropped.empty());
    }
}
