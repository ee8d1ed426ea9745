#include "support/served.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/error.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view topics)
{
    return request("subscribe", "s", fmt::format(R"("topics":{})", topics));
}

std::string publish(std::string_view id, std::string_view topic)
{
    return request("publish", id, fmt::format(R"("topic":"{}")", topic));
}

asio::awaitable<std::string> asked(RawPeer& peer, std::string question)
{
    const auto answer = co_await peer.ask(std::move(question));
    co_return brief(answer);
}

// A log that is not this thread's: it has to be awaited, and may be out of reach.
class FarBroker final : public Broker
{
public:
    bool isOutOfReach = false;
    bool isHeldUp = false;
    int waiting = 0;
    int mostWaiting = 0;

    void attach(BrokerSink& sink) override { near_.attach(sink); }
    void detach(BrokerSink& sink) noexcept override { near_.detach(sink); }
    [[nodiscard]] std::optional<Appended> tryAppend(std::span<const Publication>) override
    {
        return std::nullopt;
    }
    [[nodiscard]] Strand<Appended> append(std::vector<Publication> publications) override
    {
        const auto executor = co_await asio::this_coro::executor;
        for (int turn = 0; turn < 3; ++turn) co_await asio::post(executor, useStrand);
        mostWaiting = std::max(mostWaiting, ++waiting);
        while (isHeldUp) co_await asio::post(executor, useStrand);
        --waiting;
        if (isOutOfReach) throw std::runtime_error("a secret");
        co_return *near_.tryAppend(publications);
    }
    [[nodiscard]] Strand<LogRange> read(std::uint64_t offset, std::size_t limit) override
    {
        return near_.read(offset, limit);
    }

    [[nodiscard]] std::optional<LastEntries> tryReadLast(const LastQuery&) override { return std::nullopt; }
    [[nodiscard]] Strand<LastEntries> readLast(LastQuery query) override
    {
        const auto executor = co_await asio::this_coro::executor;
        for (int turn = 0; turn < 3; ++turn) co_await asio::post(executor, useStrand);
        if (isOutOfReach) throw std::runtime_error("a secret");
        co_return *near_.tryReadLast(query);
    }

private:
    MemoryBroker near_;
};

}  // namespace

TEST_CASE("a slow reader's queue is bounded, it loses the oldest alone, and nobody waits for it")
{
    constexpr std::size_t count = 400;
    constexpr std::size_t queueSize = 20;
    withRouter({.queueSize = queueSize},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto slow = co_await served.peer(4096);
                   auto answer = co_await asked(slow, subscribe(R"(["t"])"));
                   auto fast = co_await served.peer();
                   answer = co_await asked(fast, subscribe(R"(["t"])"));
                   CHECK(answer == "ack s");
                   const auto ids = co_await served.server.getConnectedClients();
                   const auto data = std::string(64 * 1024, 'x');
                   for (std::size_t number = 1; number <= count; ++number)
                   {
                       const auto receipt = co_await served.router->publish("t", Json(data));
                       CHECK(receipt.subscribers == 2);
                       const auto event = co_await fast.message();
                       CHECK(event.at("sequenceNumber").to_number<std::size_t>() == number);
                       if (number % 50 != 0) continue;
                       const auto info = co_await served.server.getClient(ids.at(0));
                       CHECK(info->queuedEvents <= queueSize);
                       CHECK(info->eventsDelivered + info->eventsDropped + info->queuedEvents == number);
                   }
                   const auto info = co_await served.server.getClient(ids.at(0));
                   CHECK(info->eventsDropped > 0);
                   const auto ofFast = co_await served.server.getClient(ids.at(1));
                   CHECK(ofFast->eventsDropped == 0);

                   std::size_t last = 0;
                   std::size_t received = 0;
                   while (last < count)
                   {
                       const auto event = co_await slow.message();
                       const auto number = event.at("sequenceNumber").to_number<std::size_t>();
                       CHECK(number > last);
                       last = number;
                       ++received;
                   }
                   CHECK(received == info->eventsDelivered + info->queuedEvents);
               });
}

TEST_CASE("a slow reader that asks gets its answer before the events that wait for it")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto slow = co_await served.peer(4096);
                   auto answer = co_await asked(slow, subscribe(R"(["t"])"));
                   CHECK(answer == "ack s");
                   const auto data = std::string(64 * 1024, 'x');
                   for (int number = 0; number < 150; ++number)
                       co_await served.router->publish("t", Json(data));
                   const auto ids = co_await served.server.getConnectedClients();
                   const auto info = co_await served.server.getClient(ids.at(0));
                   REQUIRE(info->queuedEvents > 5);
                   co_await slow.send(request("ping", "p"));
                   auto other = co_await served.peer();
                   answer = co_await asked(other, request("ping", "q"));
                   CHECK(answer == "pong q");
                   std::size_t before = 0;
                   for (;;)
                   {
                       const auto message = co_await slow.message();
                       if (brief(message) == "pong p") break;
                       ++before;
                   }
                   CHECK(before <= 150 - info->queuedEvents + 1);
               });
}

TEST_CASE("a client that sends requests and takes no answers is not read on, and then gets every answer")
{
    auto options = WSServerOptions{.rateLimit = std::nullopt, .replyBytes = 4096};
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto greedy = co_await served.peer(4096);
            const auto ids = co_await served.server.getConnectedClients();
            constexpr std::size_t count = 60'000;
            bool sentAll = false;
            asio::co_spawn(
                served.io,
                [&]() -> asio::awaitable<void>
                {
                    std::string bytes;
                    for (std::size_t number = 0; number < 100; ++number)
                        bytes += wire::masked(wire::text, request("ping", "p"));
                    for (std::size_t sent = 0; sent < count; sent += 100) co_await greedy.write(bytes);
                    sentAll = true;
                },
                asio::detached);
            auto other = co_await served.peer();
            // Until what is taken in stands still: answers that nobody takes fill the sockets first.
            std::uint64_t before = 0;
            for (int still = 0, round = 0; still < 30 && round < 20'000; ++round)
            {
                const auto pong = co_await asked(other, request("ping", "q"));
                CHECK(pong == "pong q");
                const auto info = co_await served.server.getClient(ids.at(0));
                still = info->messagesReceived == before ? still + 1 : 0;
                before = info->messagesReceived;
            }
            CHECK(before < count);
            for (std::size_t number = 0; number < count; ++number)
            {
                const auto text = co_await greedy.text();
                if (text.find(R"("pong")") == std::string::npos) FAIL(text);
            }
            CHECK(sentAll);
        },
        options);
}

TEST_CASE("a log that must be awaited numbers publishes in their order; one out of reach is INTERNAL_ERROR")
{
    const auto broker = std::make_shared<FarBroker>();
    withRouter({.broker = broker},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe(R"(["t"])"));
                   auto peer = co_await served.peer();
                   for (int number = 1; number <= 10; ++number)
                       co_await peer.send(publish(fmt::format("p-{}", number), "t"));
                   for (int number = 1; number <= 10; ++number)
                   {
                       const auto ack = co_await peer.message();
                       CHECK(brief(ack) == fmt::format("ack p-{}", number));
                       const auto event = co_await listener.message();
                       CHECK(brief(event) == fmt::format("event t {}", number));
                   }
                   const auto receipt = co_await served.router->publish("t");
                   CHECK(receipt.sequenceNumber == 11);
                   broker->isOutOfReach = true;
                   co_await peer.send(publish("p-11", "t"));
                   const auto text = co_await peer.text();
                   CHECK(text.find("INTERNAL_ERROR") != std::string::npos);
                   CHECK(text.find("secret") == std::string::npos);
                   answer = co_await asked(peer, request("ping", "p"));
                   CHECK(answer == "pong p");
               });
}

TEST_CASE("a publish that waits for a log elsewhere when its router goes ends as cancelled")
{
    const auto broker = std::make_shared<FarBroker>();
    withRouter({.broker = broker},
               [&](Served& served) -> asio::awaitable<void>
               {
                   Errc ended{};
                   const auto publish = [&]() -> asio::awaitable<void>
                   {
                       try
                       {
                           co_await served.router->publish("t", Json(1));
                       }
                       catch (const Error& error)
                       {
                           ended = error.errc();
                       }
                   };
                   asio::co_spawn(served.io, publish(), asio::detached);
                   co_await asio::post(served.io, asio::use_awaitable);
                   served.router.reset();
                   for (int turn = 0; turn < 10; ++turn) co_await asio::post(served.io, asio::use_awaitable);
                   CHECK(ended == Errc::cancelled);
               });
}

TEST_CASE("a client with too many publishes on their way to a log elsewhere is not read until one is there")
{
    const auto broker = std::make_shared<FarBroker>();
    withRouter({.maxWaitingPublishesPerClient = 3, .broker = broker},
               [&](Served& served) -> asio::awaitable<void>
               {
                   broker->isHeldUp = true;
                   auto peer = co_await served.peer();
                   for (int number = 0; number < 20; ++number) co_await peer.send(publish("p", "t"));
                   auto other = co_await served.peer();
                   for (int turn = 0; turn < 20; ++turn)
                   {
                       const auto pong = co_await asked(other, request("ping", "q"));
                       CHECK(pong == "pong q");
                   }
                   CHECK(broker->waiting == 3);
                   broker->isHeldUp = false;
                   for (int number = 0; number < 20; ++number)
                   {
                       const auto message = co_await peer.message();
                       CHECK(brief(message) == "ack p");
                   }
                   CHECK(broker->mostWaiting == 3);
               });
}
