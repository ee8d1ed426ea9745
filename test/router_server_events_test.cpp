#include "support/outcome.hpp"
#include "support/served.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/server_events.hpp>

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string inShort(const ServerEvent& event)
{
    struct Visitor
    {
        std::string operator()(const Started& started) const
        {
            return fmt::format("started {} {}", started.host, started.port != 0);
        }
        std::string operator()(const Connection& opened) const
        {
            return fmt::format("connection {}", opened.peerAddress.starts_with("127.0.0.1:"));
        }
        std::string operator()(const Authenticated&) const { return "authenticated"; }
        std::string operator()(const Disconnect& over) const
        {
            return fmt::format("disconnect {} {}", static_cast<int>(over.reason.code), over.reason.text);
        }
        std::string operator()(const Subscribe& subscribe) const
        {
            return fmt::format("subscribe {}", fmt::join(subscribe.topics, " "));
        }
        std::string operator()(const Unsubscribe& unsubscribe) const
        {
            return fmt::format("unsubscribe {}", fmt::join(unsubscribe.topics, " "));
        }
        std::string operator()(const Publish& publish) const
        {
            return fmt::format("publish {} {} {} {}", publish.topic,
                               publish.data ? publish.data->text() : "none", publish.broadcast,
                               publish.sequenceNumber);
        }
        std::string operator()(const Refused& refused) const { return "refused " + refused.reason; }
        std::string operator()(const ServerError& error) const { return "error " + error.what; }
    };
    return std::visit(Visitor(), event);
}

std::string subscribe(std::string_view topics)
{
    return request("subscribe", "s", fmt::format(R"("topics":{})", topics));
}

}  // namespace

TEST_CASE("what happens in a server is told in order, once it was accepted, to who listens")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            Served served(io, onFreePort());
            served.router.emplace(served.server);
            auto all = served.server.events();
            auto publishes = served.server.events<Publish>();
            co_await served.server.start();
            auto peer = co_await served.peer();
            const auto ids = co_await served.server.getConnectedClients();
            co_await peer.ask(subscribe(R"(["a","b.#"])"));
            co_await peer.ask(subscribe(R"([""])"));
            co_await peer.ask(request("publish", "p-1", R"("topic":"a","data":{"n":1.50})"));
            co_await peer.ask(request("publish", "p-2", R"("topic":"a")"));
            co_await peer.ask(request("publish", "p-3", R"("topic":"*")"));
            co_await peer.ask(request("unsubscribe", "u", R"("topics":["a"])"));
            co_await peer.leave();
            std::vector<std::string> told;
            for (int number = 0; number < 8; ++number)
            {
                const auto event = co_await all.next();
                REQUIRE(event);
                told.push_back(inShort(*event));
            }
            CHECK(told ==
                  std::vector<std::string>{"started 127.0.0.1 true", "connection true", "authenticated",
                                           "subscribe a b.#", R"(publish a {"n":1.50} false 1)",
                                           "publish a none false 2", "unsubscribe a", "disconnect 1000 "});
            const auto publish = co_await publishes.next();
            REQUIRE(publish);
            CHECK(publish->clientId == ids.at(0));
            CHECK(publish->topic == "a");
            co_await served.server.shutdown();
            CHECK_FALSE(all.tryNext());
        });
}

TEST_CASE(
    "a stream of the server's that nobody reads is bounded, counts what it drops, and ends with the server")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto options = onFreePort();
            options.eventStreamSize = 3;
            std::optional<Served> served(std::in_place, io, options);
            co_await served->server.start();
            auto unread = served->server.events<Connection>();
            for (int number = 0; number < 10; ++number)
            {
                auto peer = co_await served->peer();
                co_await peer.leave();
            }
            CHECK(unread.dropped() == 7);
            co_await served->server.shutdown();
            served.reset();
            for (int number = 0; number < 3; ++number)
            {
                const auto kept = co_await unread.next();
                CHECK(kept);
            }
            const auto end = co_await unread.next();
            CHECK_FALSE(end);
        });
}

TEST_CASE("what a hook throws is told to the application, and never to the client")
{
    WSServerOptions options;
    options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    {
        throw std::runtime_error("a secret");
        co_return true;
    };
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto errors = served.server.events<ServerError>();
                   auto peer = co_await served.peer();
                   const auto refused = co_await peer.ask(request("auth", "a", R"("token":"t")"));
                   CHECK(brief(refused) == "error a AUTHENTICATION_FAILED");
                   const auto error = co_await errors.next();
                   REQUIRE(error);
                   CHECK(error->what == "a secret");
                   CHECK_FALSE(error->clientId.empty());
               });
}

TEST_CASE("of every client each event is delivered or dropped, exactly, under load and whatever ends it")
{
    for (const auto policy : {Backpressure::dropOldest, Backpressure::dropNewest, Backpressure::conflate,
                              Backpressure::disconnect})
        withRouter({.queueSize = 20, .backpressure = policy},
                   [&](Served& served) -> asio::awaitable<void>
                   {
                       CAPTURE(static_cast<int>(policy));
                       std::minstd_rand random(7);
                       auto ends = served.server.events<Disconnect>();
                       constexpr std::size_t clients = 12;
                       std::vector<RawPeer> peers;
                       for (std::size_t number = 0; number < clients; ++number)
                       {
                           peers.push_back(co_await served.peer(4096));
                           co_await peers.back().ask(subscribe(R"(["t.#"])"));
                       }
                       const auto ids = co_await served.server.getConnectedClients();
                       REQUIRE(ids.size() == clients);
                       std::vector<std::size_t> wanted(clients, 0);  // at least
                       std::vector<std::size_t> doubtful(clients, 0);
                       std::vector<bool> there(clients, true);
                       const auto data = std::string(20'000, 'x');
                       std::size_t gone = 0;
                       for (std::size_t number = 0; number < 600; ++number)
                       {
                           // Who goes between the two has had the event, or has not.
                           const auto before = co_await served.router->getTopicSubscribers("t.1");
                           co_await served.router->publish(fmt::format("t.{}", random() % 5), Json(data));
                           const auto after = co_await served.router->getTopicSubscribers("t.1");
                           for (std::size_t client = 0; client < clients; ++client)
                           {
                               const bool isThere = std::ranges::find(after, ids[client]) != after.end();
                               if (isThere)
                                   ++wanted[client];
                               else if (std::ranges::find(before, ids[client]) != before.end())
                                   ++doubtful[client];
                           }
                           const auto one = random() % clients;
                           if (there[one] && random() % 60 == 0)
                           {
                               there[one] = false;
                               ++gone;
                               if (random() % 2 == 0)
                                   peers[one].reset();
                               else
                                   peers[one].close();
                           }
                           if (random() % 4 == 0) co_await turnsOfLoop(3);
                       }
                       CHECK(gone > 0);
                       co_await served.server.shutdown();
                       std::size_t dropped = 0;
                       for (std::size_t number = 0; number < clients; ++number)
                       {
                           const auto over = ends.tryNext();
                           REQUIRE(over);
                           const auto client =
                               static_cast<std::size_t>(std::ranges::find(ids, over->clientId) - ids.begin());
                           REQUIRE(client < clients);
                           const auto accounted = over->eventsDelivered + over->eventsDropped;
                           CHECK(doubtful[client] <= 1);
                           CHECK(accounted >= wanted[client]);
                           CHECK(accounted <= wanted[client] + doubtful[client]);
                           dropped += over->eventsDropped;
                       }
                       CHECK(dropped > 0);
                   });
}
