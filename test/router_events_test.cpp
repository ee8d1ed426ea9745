#include "support/pooled.hpp"
#include "support/served.hpp"

#include <strandcast/router_events.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view id, std::string_view topics)
{
    return request("subscribe", id, fmt::format(R"("topics":{})", topics));
}

std::string publish(std::string_view id, std::string_view topic)
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":1)", topic));
}

asio::awaitable<std::string> asked(RawPeer& peer, std::string question)
{
    const auto answer = co_await peer.ask(std::move(question));
    co_return brief(answer);
}

std::string told(const RouterEvent& event)
{
    if (const auto* const one = std::get_if<Published>(&event))
        return fmt::format("published {} {}", one->topic, one->sequenceNumber);
    if (const auto* const one = std::get_if<MessageDropped>(&event)) return "dropped " + one->topic;
    if (const auto* const one = std::get_if<SubscriptionLimitExceeded>(&event))
        return fmt::format("limit {}", one->limit);
    const auto& blocked = std::get<PublishBlocked>(event);
    return "blocked " + blocked.topic + " " + blocked.messageId;
}

std::vector<std::string> allOf(EventStream<RouterEvent>& stream)
{
    std::vector<std::string> all;
    while (const auto event = stream.tryNext()) all.push_back(told(*event));
    return all;
}

}  // namespace

TEST_CASE("what happens in a router is told in its order to who listens")
{
    withRouter({.maxSubscriptionsPerClient = 2},
               [](Served& served) -> asio::awaitable<void>
               {
                   co_await served.router->publish("before", Json(1));
                   auto events = served.router->events();
                   auto blocked = served.router->events<PublishBlocked>();
                   const Middleware no = [](const RoutedPublish&) -> asio::awaitable<bool>
                   { co_return false; };
                   co_await served.router->route({"closed", {}, {no}});
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, publish("p-1", "t"));
                   answer = co_await asked(peer, publish("p-2", "closed"));
                   CHECK(answer == "error p-2 PUBLISH_FAILED");
                   answer = co_await asked(peer, subscribe("s", R"(["a","b","c"])"));
                   CHECK(answer == "error s SUBSCRIPTION_FAILED");
                   co_await served.router->publish("t", Json(1));
                   CHECK(allOf(events) == std::vector<std::string>{"published t 1", "blocked closed p-2",
                                                                   "limit 2", "published t 2"});
                   const auto ids = co_await served.server.getConnectedClients();
                   const auto one = co_await blocked.next();
                   REQUIRE(one);
                   CHECK(one->clientId == ids.at(0));
                   CHECK(one->topic == "closed");

                   // The end of the router is that of its streams; what they have kept can still be read.
                   co_await served.router->publish("t", Json(1));
                   served.router.reset();
                   auto last = co_await events.next();
                   REQUIRE(last);
                   CHECK(told(*last) == "published t 3");
                   last = co_await events.next();
                   CHECK_FALSE(last);
                   const auto none = co_await blocked.next();
                   CHECK_FALSE(none);
               });
}

TEST_CASE("every event that a client lost is told, with the client, the topic and why")
{
    withRouter({.queueSize = 5, .eventStreamSize = 10'000},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto dropped = served.router->events<MessageDropped>();
                   auto slow = co_await served.peer(4096);
                   const auto answer = co_await asked(slow, subscribe("s", R"(["t.#"])"));
                   const auto ids = co_await served.server.getConnectedClients();
                   const Json large(std::string(100'000, 'x'));
                   for (int number = 0; number < 200; ++number) co_await served.router->publish("t.a", large);
                   auto info = co_await served.server.getClient(ids.at(0));
                   std::uint64_t full = 0;
                   while (const auto event = dropped.tryNext())
                   {
                       CHECK(event->clientId == ids.at(0));
                       CHECK(event->topic == "t.a");
                       CHECK(event->reason == DropReason::queueFull);
                       ++full;
                   }
                   CHECK(full > 0);
                   CHECK(full == info->eventsDropped);

                   slow.reset();
                   // One may have begun to leave.
                   REQUIRE(info->queuedEvents > 1);
                   for (std::size_t lost = 1; lost < info->queuedEvents; ++lost)
                   {
                       const auto event = co_await dropped.next();
                       REQUIRE(event);
                       CHECK(event->reason == DropReason::disconnected);
                   }
               });
}

TEST_CASE("a stream that nobody reads loses its oldest events, and one that is closed is forgotten")
{
    withRouter({.eventStreamSize = 3},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto events = served.router->events();
                   auto closed = served.router->events();
                   closed.close();
                   for (int number = 0; number < 10; ++number) co_await served.router->publish("t", Json(1));
                   CHECK(allOf(events) ==
                         std::vector<std::string>{"published t 8", "published t 9", "published t 10"});
               });
}

TEST_CASE("events of every shard of a pool are told, on any thread")
{
    withPool(3, {.maxSubscriptionsPerClient = 1},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 auto limits = pooled.router.events<SubscriptionLimitExceeded>();
                 auto published = pooled.router.events<Published>();
                 std::vector<RawPeer> peers;
                 for (int index = 0; index < 6; ++index) peers.push_back(co_await pooled.peer());
                 for (auto& peer : peers) co_await peer.send(subscribe("s", R"(["a","b"])"));
                 for (auto& peer : peers) co_await peer.send(publish("p", "t"));
                 auto ids = co_await pooled.server.getConnectedClients();
                 std::vector<std::string> told;
                 for (int index = 0; index < 6; ++index)
                 {
                     const auto event = co_await limits.next();
                     REQUIRE(event);
                     told.push_back(event->clientId);
                     const auto one = co_await published.next();
                     REQUIRE(one);
                     CHECK(one->sequenceNumber == static_cast<std::uint64_t>(index) + 1);
                 }
                 std::ranges::sort(told);
                 std::ranges::sort(ids);
                 CHECK(told == ids);
             });
}
