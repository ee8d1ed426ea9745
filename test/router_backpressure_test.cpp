#include "support/served.hpp"

#include <strandcast/broker.hpp>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <malloc.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

constexpr std::size_t queueSize = 16;
constexpr std::size_t queueBytes = 512 * 1024;
constexpr std::size_t topics = 5;
constexpr std::size_t published = 600;

std::string subscribeToAll()
{
    return request("subscribe", "s", R"("topics":["t.*"])");
}

/// An event as a subscriber got it.
struct Arrived
{
    std::string topic;
    std::size_t number;  ///< of all that were published
};

/// What one policy did to a reader that stopped reading, and what the others noticed.
struct Load
{
    Served& served;
    RawPeer fast;
    RawPeer stopped;
    std::string stoppedId;
    EventStream<MessageDropped> drops;
    std::map<DropReason, std::size_t> told = {};
    std::size_t mostQueuedBytes = 0;
    std::size_t receipts = 0;  ///< for how many clients events were queued

    /// Publishes one event after the other, each of which the fast client has before the next one.
    asio::awaitable<void> run()
    {
        const Json large(std::string(40'000, 'x'));
        for (std::size_t number = 0; number < published; ++number)
        {
            const auto receipt = co_await served.router->publish(fmt::format("t.{}", number % topics), large);
            receipts += receipt.subscribers;
            const auto event = co_await fast.message();
            REQUIRE(event.at("sequenceNumber").to_number<std::size_t>() == number / topics + 1);
            const auto info = co_await served.server.getClient(stoppedId);
            if (!info) continue;
            CHECK(info->queuedEvents <= queueSize);
            CHECK(info->queuedBytes <= queueBytes);
            CHECK(info->eventsDelivered + info->eventsDropped + info->queuedEvents == number + 1);
            mostQueuedBytes = std::max(mostQueuedBytes, info->queuedBytes);
        }
        while (const auto drop = drops.tryNext())
        {
            CHECK(drop->clientId == stoppedId);
            ++told[drop->reason];
        }
    }

    [[nodiscard]] std::size_t toldInAll() const
    {
        std::size_t all = 0;
        for (const auto& [reason, count] : told) all += count;
        return all;
    }

    /// What the client finds when it reads again, of which there is so much.
    asio::awaitable<std::vector<Arrived>> readAgain(std::size_t count)
    {
        std::vector<Arrived> arrived;
        std::map<std::string, std::size_t> lastOf;
        while (arrived.size() < count)
        {
            const auto event = co_await stopped.message();
            const std::string topic(event.at("topic").as_string());
            const auto sequence = event.at("sequenceNumber").to_number<std::size_t>();
            CHECK(sequence > lastOf[topic]);
            lastOf[topic] = sequence;
            const auto ofTopic = static_cast<std::size_t>(topic.back() - '0');
            arrived.push_back({topic, (sequence - 1) * topics + ofTopic});
        }
        const auto pong = co_await stopped.ask(request("ping", "p"));
        CHECK(brief(pong) == "pong p");
        co_return arrived;
    }
};

/// A client that reads all, and one that stops once it has subscribed, under the same load.
void withStoppedReader(Backpressure policy, const std::function<asio::awaitable<void>(Load&)>& check)
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            // Who is closed reads it only when the load is over.
            Served served(io,
                          {.port = 0, .closeTimeout = std::chrono::seconds(60), .rateLimit = std::nullopt});
            served.router.emplace(served.server, RouterOptions{.queueSize = queueSize,
                                                               .queueBytes = queueBytes,
                                                               .backpressure = policy,
                                                               .eventStreamSize = 10'000});
            co_await served.server.start();
            {
                auto fast = co_await served.peer();
                co_await fast.ask(subscribeToAll());
                auto stopped = co_await served.peer(4096);
                co_await stopped.ask(subscribeToAll());
                const auto ids = co_await served.server.getConnectedClients();
                Load load{served, std::move(fast), std::move(stopped), ids.at(1),
                          served.router->events<MessageDropped>()};
                co_await load.run();
                co_await check(load);
            }
            co_await served.server.shutdown();
        });
}

bool inOrder(const std::vector<Arrived>& arrived)
{
    return std::ranges::is_sorted(arrived, {}, &Arrived::number);
}

}  // namespace

TEST_CASE("dropOldest behind a socket: a reader that stops costs the bound, and finds the newest in order")
{
    withStoppedReader(Backpressure::dropOldest,
                      [](Load& load) -> asio::awaitable<void>
                      {
                          const auto info = co_await load.served.server.getClient(load.stoppedId);
                          REQUIRE(info);
                          CHECK(load.mostQueuedBytes > queueBytes / 2);
                          CHECK(load.told[DropReason::queueFull] == info->eventsDropped);
                          CHECK(load.toldInAll() == info->eventsDropped);
                          CHECK(info->eventsDropped > published / 2);
                          const auto arrived = co_await load.readAgain(published - info->eventsDropped);
                          CHECK(inOrder(arrived));
                          CHECK(arrived.back().number == published - 1);
                          // What was queued at the end is the newest without a hole.
                          const auto queued = info->queuedEvents - 1;  // one may have begun to leave
                          CHECK(arrived[arrived.size() - queued].number == published - queued);
                      });
}

TEST_CASE("dropNewest behind a socket: a reader that stops costs the bound, and finds the oldest in order")
{
    withStoppedReader(Backpressure::dropNewest,
                      [](Load& load) -> asio::awaitable<void>
                      {
                          const auto info = co_await load.served.server.getClient(load.stoppedId);
                          REQUIRE(info);
                          CHECK(load.mostQueuedBytes > queueBytes / 2);
                          CHECK(load.told[DropReason::queueFull] == info->eventsDropped);
                          CHECK(load.toldInAll() == info->eventsDropped);
                          CHECK(info->eventsDropped > published / 2);
                          // What was dropped at once counts for nobody.
                          CHECK(load.receipts == 2 * published - info->eventsDropped);
                          const auto arrived = co_await load.readAgain(published - info->eventsDropped);
                          CHECK(inOrder(arrived));
                          const auto queued = info->queuedEvents;
                          CHECK(arrived[queued].number == queued);
                      });
}

TEST_CASE("conflate behind a socket: a reader that stops finds the newest event of every topic")
{
    withStoppedReader(Backpressure::conflate,
                      [](Load& load) -> asio::awaitable<void>
                      {
                          const auto info = co_await load.served.server.getClient(load.stoppedId);
                          REQUIRE(info);
                          CHECK(load.told[DropReason::superseded] > published / 2);
                          CHECK(load.toldInAll() == info->eventsDropped);
                          auto arrived = co_await load.readAgain(published - info->eventsDropped);
                          CHECK(inOrder(arrived));
                          REQUIRE(arrived.size() >= topics);
                          for (std::size_t topic = 0; topic < topics; ++topic)
                              CHECK(arrived[arrived.size() - topics + topic].number ==
                                    published - topics + topic);
                      });
}

TEST_CASE("disconnect behind a socket: a reader that stops is closed with 1008, and all is accounted for")
{
    withStoppedReader(Backpressure::disconnect,
                      [](Load& load) -> asio::awaitable<void>
                      {
                          CHECK(load.mostQueuedBytes > queueBytes / 2);
                          CHECK(load.told[DropReason::queueFull] == 1);
                          CHECK(load.told[DropReason::disconnected] > 0);
                          auto ended = load.served.server.events<Disconnect>();
                          const auto reason = co_await load.stopped.closed();
                          CHECK(reason == "1008 Slow consumer");
                          load.stopped.close();
                          const auto disconnect = co_await ended.next();
                          REQUIRE(disconnect);
                          CHECK(disconnect->clientId == load.stoppedId);
                          CHECK(disconnect->reason ==
                                CloseReason{CloseCode::policyViolation, "Slow consumer"});
                          CHECK(disconnect->eventsDelivered > 0);
                          // It was closed when its subscription was still there: each event since then
                          // counts.
                          CHECK(disconnect->eventsDropped == load.toldInAll());
                      });
}

TEST_CASE("however long a reader has stopped, the process holds its bound and not a byte more")
{
    // In use, by the allocator's own count; of a sanitizer's allocator there is none.
    const auto used = []
    {
        const auto info = mallinfo2();
        return info.uordblks + info.hblkhd;
    };
    constexpr std::size_t eventSize = 40'000;
    for (const auto policy : {Backpressure::dropOldest, Backpressure::dropNewest, Backpressure::conflate})
        withRouter({.queueSize = queueSize,
                    .queueBytes = queueBytes,
                    .backpressure = policy,
                    .broker = std::make_shared<MemoryBroker>(MemoryBrokerOptions{.maxEntries = 10})},
                   [&](Served& served) -> asio::awaitable<void>
                   {
                       CAPTURE(static_cast<int>(policy));
                       auto stopped = co_await served.peer(4096);
                       co_await stopped.ask(subscribeToAll());
                       const Json large(std::string(eventSize, 'x'));
                       std::size_t before = 0;
                       for (std::size_t number = 0; number < 2'000; ++number)
                       {
                           if (number == 500) before = used();
                           co_await served.router->publish(fmt::format("t.{}", number % topics), large);
                           if (number % 10 == 0)
                               co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
                       }
                       CHECK(used() <= before + 3 * eventSize);
                   });
}
