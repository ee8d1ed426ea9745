#include "router/router_access.hpp"
#include "router/router_core.hpp"
#include "support/far_broker.hpp"
#include "support/pooled.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view topic)
{
    return request("subscribe", "s", fmt::format(R"("topics":["{}"])", topic));
}

std::string publish(std::string_view id, std::string_view topic, bool broadcast = true)
{
    return request("publish", id, fmt::format(R"("topic":"{}","broadcast":{})", topic, broadcast));
}

asio::awaitable<std::vector<RawPeer>> subscribers(Pooled& pooled, int count, std::string_view topic)
{
    std::vector<RawPeer> peers;
    for (int index = 0; index < count; ++index)
    {
        peers.push_back(co_await pooled.peer());
        const auto answer = co_await peers.back().ask(subscribe(topic));
        CHECK(brief(answer) == "ack s");
    }
    co_return peers;
}

/// Something happens while the log's answer is on its way, and is in it.
class LateBroker final : public FarBroker
{
public:
    std::function<void()> whileAnswering;

    [[nodiscard]] Strand<LastEntries> readLast(LastQuery query) override
    {
        const auto executor = co_await asio::this_coro::executor;
        asio::post(executor, whileAnswering);
        co_await asio::post(executor, useStrand);
        co_return readNow(query);
    }
};

asio::awaitable<void> yield()
{
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

}  // namespace

TEST_CASE("subscribers on every shard get a topic's events in one order, whoever publishes")
{
    constexpr int publishes = 60;
    withPool(3, {},
             [=](Pooled& pooled) -> asio::awaitable<void>
             {
                 auto peers = co_await subscribers(pooled, 6, "t.#");
                 for (int number = 0; number < publishes; ++number)
                     for (auto& peer : peers) co_await peer.send(publish("p", "t.a"));

                 std::vector<std::string> first;
                 for (auto& peer : peers)
                 {
                     std::vector<std::string> ids;
                     int acks = 0;
                     while (acks < publishes || ids.size() < publishes * peers.size())
                     {
                         const auto message = co_await peer.message();
                         if (message.at("type") == "ack")
                         {
                             ++acks;
                             continue;
                         }
                         CHECK(message.at("sequenceNumber").as_int64() ==
                               static_cast<std::int64_t>(ids.size()) + 1);
                         ids.emplace_back(message.at("id").as_string());
                     }
                     CHECK(acks == publishes);
                     if (first.empty()) first = ids;
                     CHECK(ids == first);
                 }
             });
}

TEST_CASE("with more topics than are near, every shard finds whom an event is for, and nobody else")
{
    constexpr std::size_t topics = 9'000;
    withPool(2, {.maxSubscriptionsPerClient = topics},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 std::string all = "\"t.*.b\"";
                 for (std::size_t number = 1; number < topics; ++number)
                     all += fmt::format(",\"t.{}.a\"", number);
                 std::vector<RawPeer> peers;
                 for (int index = 0; index < 4; ++index)
                 {
                     peers.push_back(co_await pooled.peer());
                     const auto answer = co_await peers.back().ask(
                         request("subscribe", "s", fmt::format(R"("topics":[{}])", all)));
                     CHECK(brief(answer) == "ack s");
                 }
                 std::mt19937 random(3);
                 std::vector<std::string> published;
                 for (int round = 0; round < 200; ++round)
                 {
                     const auto number = random() % (topics - 1) + 1;
                     published.push_back(fmt::format("t.{}.{}", number, round % 4 == 0 ? "b" : "a"));
                     co_await peers[0].send(publish("p", published.back()));
                     co_await peers[0].send(publish("p", fmt::format("t.{}.c", number)));
                 }
                 for (auto& peer : peers)
                 {
                     std::vector<std::string> heard;
                     while (heard.size() < published.size())
                     {
                         const auto message = co_await peer.message();
                         if (message.at("type") != "ack") heard.emplace_back(message.at("topic").as_string());
                     }
                     CHECK(heard == published);
                 }
                 const auto answer =
                     co_await peers[1].ask(request("unsubscribe", "u", fmt::format(R"("topics":[{}])", all)));
                 CHECK(brief(answer) == "ack u");
                 CHECK((co_await pooled.router.getTopicSubscribers("t.7.a")).size() == 3);
                 CHECK((co_await pooled.router.getTopicSubscribers("t.7.b")).size() == 3);
             });
}

TEST_CASE("a subscription on another shard begins behind what its client published before it")
{
    withPool(3, {},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 for (int round = 0; round < 20; ++round)
                 {
                     auto peer = co_await pooled.peer();
                     const auto topic = fmt::format("t.{}", round);
                     co_await peer.send(publish("p1", topic));
                     co_await peer.send(subscribe(topic));
                     co_await peer.send(publish("p2", topic));
                     std::string seen;
                     for (int message = 0; message < 4; ++message)
                         seen += brief(co_await peer.message()) + ", ";
                     CHECK(seen.find("event " + topic + " 1") == std::string::npos);
                     CHECK(seen.find("event " + topic + " 2") != std::string::npos);
                     CHECK(seen.substr(0, 14) == "ack p1, ack s,");
                 }
             });
}

TEST_CASE("a topic's routes run one publish at a time, whichever shards these come from")
{
    withPool(3, {},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 auto inside = std::make_shared<std::atomic<int>>(0);
                 auto most = std::make_shared<std::atomic<int>>(0);
                 co_await pooled.router.route(
                     {.topic = "t.*",
                      .handler = [inside, most](const RoutedPublish&) -> asio::awaitable<void>
                      {
                          const int now = ++*inside;
                          if (now > *most) *most = now;
                          co_await yield();
                          --*inside;
                      },
                      .middleware = {[](const RoutedPublish& routed) -> asio::awaitable<bool>
                                     {
                                         co_await yield();
                                         co_return routed.messageId != "no";
                                     }}});
                 auto peers = co_await subscribers(pooled, 6, "t.a");
                 for (int number = 0; number < 10; ++number)
                     for (auto& peer : peers)
                         co_await peer.send(publish(number == 5 ? "no" : fmt::format("p{}", number), "t.a"));
                 for (auto& peer : peers)
                 {
                     int answers = 0;
                     int events = 0;
                     while (answers < 10 || events < 54)
                     {
                         const auto said = brief(co_await peer.message());
                         if (said.starts_with("event"))
                         {
                             CHECK(said == fmt::format("event t.a {}", ++events));
                             continue;
                         }
                         CHECK(said ==
                               (answers == 5 ? "error no PUBLISH_FAILED" : fmt::format("ack p{}", answers)));
                         ++answers;
                     }
                 }
                 CHECK(*most == 1);
             });
}

TEST_CASE("a client on another shard whose publish waits behind a route is served meanwhile")
{
    withPool(2, {},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 auto go = std::make_shared<std::atomic<bool>>(false);
                 co_await pooled.router.route({.topic = "slow",
                                               .handler = [go](const RoutedPublish&) -> asio::awaitable<void>
                                               {
                                                   while (!*go) co_await yield();
                                               }});
                 std::vector<RawPeer> peers;
                 for (int index = 0; index < 4; ++index) peers.push_back(co_await pooled.peer());
                 for (auto& peer : peers)
                 {
                     co_await peer.send(publish("slow", "slow"));
                     CHECK(brief(co_await peer.ask(subscribe("other"))) == "ack s");
                 }
                 *go = true;
                 for (auto& peer : peers) CHECK(brief(co_await peer.message()) == "ack slow");
             });
}

TEST_CASE("what is asked of the server and the router is asked of every shard")
{
    withPool(3, {},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 auto peers = co_await subscribers(pooled, 5, "t.*");
                 const auto ids = co_await pooled.server.getConnectedClients();
                 CHECK(ids.size() == 5);
                 CHECK(co_await pooled.router.getTopicSubscribers("t.a") == ids);
                 const auto all = co_await pooled.router.getAllSubscriptions();
                 CHECK(all == decltype(all){{"t.*", ids}});

                 const auto receipt = co_await pooled.router.publish("t.a", Json(1));
                 CHECK(receipt.sequenceNumber == 1);
                 CHECK(receipt.subscribers == 5);
                 for (auto& peer : peers) CHECK(brief(co_await peer.message()) == "event t.a 1 1");

                 for (std::size_t index = 0; index < ids.size(); ++index)
                 {
                     const auto info = co_await pooled.server.getClient(ids[index]);
                     REQUIRE(info.has_value());
                     CHECK(info->subscriptions == std::vector<std::string>{"t.*"});
                     CHECK(co_await pooled.server.sendMessage(ids[index],
                                                              PongMessage{.id = fmt::format("{}", index)}));
                     CHECK(brief(co_await peers[index].message()) == fmt::format("pong {}", index));
                 }
                 CHECK(co_await pooled.server.broadcast(PongMessage{.id = "all"}) == 5);
                 for (auto& peer : peers) CHECK(brief(co_await peer.message()) == "pong all");

                 RawPeer sixth(pooled.io);
                 co_await sixth.connect(pooled.server.port());
                 co_await sixth.upgrade();
                 CHECK(co_await sixth.closed() == "1008 Max connections reached");
                 CHECK(co_await pooled.server.disconnectClient(ids[2]));
                 CHECK(co_await peers[2].closed() == "1000 Disconnected by server");
                 CHECK_FALSE(co_await pooled.server.disconnectClient("nobody"));
             },
             {.maxConnections = 5, .rateLimit = std::nullopt});
}

TEST_CASE("a server on a pool starts again after a shutdown, and tells where the address is taken")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            const ShardPool pool(3);
            WSServer server(pool, onFreePort());
            co_await server.start();
            WSServer second(pool, {.port = server.port()});
            std::string failed;
            try
            {
                co_await second.start();
            }
            catch (const Error& error)
            {
                failed = error.code().message();
            }
            CHECK_FALSE(failed.empty());
            for (int round = 0; round < 3; ++round)
            {
                co_await server.shutdown();
                co_await server.shutdown();
                co_await server.start();
                RawPeer peer(io);
                co_await peer.join(server.port());
                CHECK(co_await peer.leave() == "1000");
            }
            co_await server.shutdown();
        });
}

TEST_CASE("applications on several threads use one server on a pool, and clients on it")
{
    constexpr int threads = 4;
    constexpr int rounds = 25;
    const ShardPool pool(3);
    WSServer server(pool, onFreePort({.rateLimit = std::nullopt}));
    WSRouter router(server);
    asio::io_context io(1);
    asio::co_spawn(io, server.start(), asio::detached);
    io.run();

    std::atomic<int> received = 0;
    std::vector<std::thread> applications;
    for (int thread = 0; thread < threads; ++thread)
        applications.emplace_back(
            [&, thread]
            {
                runToEnd(
                    [&](asio::io_context&) -> asio::awaitable<void>
                    {
                        WSClient client(pool.nextExecutor(),
                                        {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
                        co_await client.connect();
                        auto events = co_await client.subscribe({"all", fmt::format("own.{}", thread)});
                        for (int round = 0; round < rounds; ++round)
                        {
                            co_await client.publish("all", Json(round));
                            co_await router.publish(fmt::format("own.{}", thread), Json(round));
                            const auto info = co_await server.getConnectedClients();
                            CHECK_FALSE(info.empty());
                            static_cast<void>(co_await router.getTopicSubscribers("all"));
                        }
                        for (int own = 0; own < rounds;)
                        {
                            const auto delivery = co_await events.next();
                            REQUIRE(delivery.has_value());
                            const auto* const event = std::get_if<EventMessage>(&*delivery);
                            REQUIRE(event);
                            if (event->topic != "all") ++own;
                            ++received;
                        }
                        co_await client.disconnect();
                    });
            });
    for (auto& application : applications) application.join();
    CHECK(received >= threads * rounds);
    io.restart();
    asio::co_spawn(io, server.shutdown(), asio::detached);
    io.run();
}

TEST_CASE("a server and a router on a pool may go under load, in any order, at any moment")
{
    for (unsigned round = 0; round < 60; ++round)
    {
        CAPTURE(round);
        std::minstd_rand random(round);
        asio::io_context io(1);
        const ShardPool pool(2);
        auto server = std::make_unique<WSServer>(pool, onFreePort({.rateLimit = std::nullopt}));
        auto router = std::make_unique<WSRouter>(*server);
        asio::co_spawn(io, server->start(), asio::detached);
        io.run();
        std::vector<std::future<void>> running;
        for (int index = 0; index < 4; ++index)
            running.push_back(asio::co_spawn(
                pool.executor(static_cast<std::size_t>(index) % 2),
                [](ShardExecutor executor, std::uint16_t port) -> asio::awaitable<void>
                {
                    WSClient client(executor,
                                    {.url = fmt::format("ws://127.0.0.1:{}", port), .reconnect = false});
                    try
                    {
                        co_await client.connect();
                        const auto events = co_await client.subscribe("t.#");
                        for (int number = 0; number < 50; ++number)
                            co_await client.publish("t.a", Json(number), Broadcast::yes);
                    }
                    catch (const Error&)
                    {
                        // Whatever of it went first.
                    }
                }(pool.nextExecutor(), server->port()),
                asio::use_future));
        const auto steps = random() % 400;
        for (unsigned step = 0; step < steps; ++step) std::this_thread::yield();
        if (random() % 2 == 0) router.reset();
        server.reset();
        for (auto& one : running) one.get();
    }
}

TEST_CASE("what a replay from a log elsewhere holds does not come again as new, on any shard")
{
    const auto broker = std::make_shared<LateBroker>();
    withPool(
        2, {.broker = broker},
        [&](Pooled& pooled) -> asio::awaitable<void>
        {
            const auto core = RouterAccess::core(pooled.router);
            for (int number = 0; number < 6; ++number)
            {
                CAPTURE(number);
                const auto topic = fmt::format("t.{}", number);
                broker->whileAnswering = [core, topic] { core->publishNow({topic}, Json(1)); };
                auto peer = co_await pooled.peer();
                const auto ack = co_await peer.ask(
                    request("version-negotiation", "n",
                            fmt::format(R"("supportedVersions":[],"selectedVersion":"1.1.0","session":"{}")",
                                        std::string(22, 'A'))));
                CHECK(brief(ack) == "ack n");
                co_await peer.send(fmt::format(
                    R"({{"id":"s","type":"subscribe","version":"1.1.0","timestamp":1,"topics":["{}"],"last":5}})",
                    topic));
                int events = 0;
                for (bool isOver = false; !isOver;)
                {
                    const auto message = co_await peer.message();
                    if (message.contains("live"))
                        co_await pooled.router.publish(topic, Json("fence"));
                    else if (message.contains("data"))
                    {
                        isOver = message.at("data") == "fence";
                        if (!isOver) ++events;
                    }
                }
                CHECK(events == 1);
            }
            broker->whileAnswering = nullptr;  // it holds the router, for which the pool would wait
        });
}
