#include "router/replay.hpp"
#include "router/router_access.hpp"
#include "support/far_broker.hpp"
#include "support/pooled.hpp"
#include "support/served.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/strand.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string under1_1(std::string_view type, std::string_view id, std::string_view fields = {})
{
    auto text = request(type, id, fields);
    text.replace(text.find("1.0.0"), 5, "1.1.0");
    return text;
}

std::string subscribe(std::string_view id, std::string_view topics, std::string_view more = "")
{
    return under1_1("subscribe", id, fmt::format(R"("topics":{}{})", topics, more));
}

std::string publish(std::string_view id, std::string_view topic, std::string_view more = "")
{
    return under1_1("publish", id, fmt::format(R"("topic":"{}","data":1{})", topic, more));
}

// As brief(), and of a replay `replay s event t 1 1` or `replay s live`.
std::string told(const boost::json::object& message)
{
    if (!message.contains("replay")) return brief(message);
    CHECK(message.at("version") == "1.1.0");
    const auto text = "replay " + std::string(message.at("replay").as_string()) + " ";
    if (message.contains("live")) return text + "live";
    if (message.contains("more")) return text + "more";
    return text + brief(message);
}

asio::awaitable<std::string> heard(RawPeer& peer)
{
    const auto message = co_await peer.message();
    co_return told(message);
}

asio::awaitable<std::string> asked(RawPeer& peer, std::string question)
{
    const auto answer = co_await peer.ask(std::move(question));
    co_return told(answer);
}

using Told = std::vector<std::string>;

asio::awaitable<Told> heardSome(RawPeer& peer, std::size_t count)
{
    Told all;
    for (; count > 0; --count)
    {
        auto one = co_await heard(peer);
        all.push_back(std::move(one));
    }
    co_return all;
}

// Makes a client one of version 1.1.0.
asio::awaitable<void> negotiate(RawPeer& peer, char session = 'A')
{
    const auto ack = co_await asked(
        peer, request("version-negotiation", "n",
                      fmt::format(R"("supportedVersions":[],"selectedVersion":"1.1.0","session":"{}")",
                                  std::string(22, session))));
    CHECK(ack == "ack n");
}

// It tells when the backlog is read.
class ToldBroker final : public FarBroker
{
public:
    std::function<void()> whileReading;

    [[nodiscard]] Strand<LastEntries> readLast(LastQuery query) override
    {
        if (!whileReading) throw std::runtime_error("out of reach");
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, useStrand);
        whileReading();
        auto found = readNow(query);
        whileReading();
        co_await asio::post(executor, useStrand);
        whileReading();
        co_return found;
    }
};

}  // namespace

TEST_CASE("who subscribes with last gets the last events of each topic first, in the log's order, then what "
          "is live")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   for (int number = 1; number <= 3; ++number)
                       for (const auto* const topic : {"a.x", "b", "a.y", "other"})
                           co_await served.router->publish(topic, Json(number));
                   auto peer = co_await served.peer();
                   co_await negotiate(peer);
                   co_await peer.send(subscribe("s", R"(["a.*","a.x"])", R"(,"patterns":["b"],"last":2)"));
                   auto all = co_await heardSome(peer, 8);
                   CHECK(all == Told{"ack s", "replay s event a.x 2 2", "replay s event b 2 2",
                                     "replay s event a.y 2 2", "replay s event a.x 3 3",
                                     "replay s event b 3 3", "replay s event a.y 3 3", "replay s live"});
                   co_await served.router->publish("a.x", Json(4));
                   auto event = co_await heard(peer);
                   CHECK(event == "event a.x 4 4");

                   // Nothing, and nothing of a topic that never was.
                   co_await peer.send(subscribe("t", R"(["b"])", R"(,"last":0)"));
                   co_await peer.send(subscribe("u", R"(["never","none.#"])", R"(,"last":7)"));
                   all = co_await heardSome(peer, 4);
                   CHECK(all == Told{"ack t", "ack u", "replay t live", "replay u live"});
               });
}

TEST_CASE("a topic that is live already stays so while it is replayed")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   co_await negotiate(peer);
                   auto answer = co_await asked(peer, subscribe("s", R"(["t"])"));
                   co_await served.router->publish("t", Json(1));
                   answer = co_await heard(peer);
                   CHECK(answer == "event t 1 1");
                   co_await peer.send(subscribe("again", R"(["t"])", R"(,"last":5)"));
                   auto all = co_await heardSome(peer, 3);
                   CHECK(all == Told{"ack again", "replay again event t 1 1", "replay again live"});
                   co_await served.router->publish("t", Json(2));
                   answer = co_await heard(peer);
                   CHECK(answer == "event t 2 2");
               });
}

TEST_CASE("a session's own publishes are not replayed to it, unless they were broadcast")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto first = co_await served.peer();
                   co_await negotiate(first);
                   auto receipt = co_await first.ask(publish("p", "t"));
                   CHECK(told(receipt) == "ack p");
                   CHECK(receipt.at("sequenceNumber") == 1);
                   receipt = co_await first.ask(publish("q", "t", R"(,"broadcast":true)"));
                   CHECK(receipt.at("sequenceNumber") == 2);
                   const auto end = co_await first.leave();
                   CHECK(end == "1000");

                   auto again = co_await served.peer();
                   co_await negotiate(again);
                   co_await again.send(subscribe("s", R"(["t"])", R"(,"last":9)"));
                   auto all = co_await heardSome(again, 3);
                   CHECK(all == Told{"ack s", "replay s event t 2 1", "replay s live"});
                   auto other = co_await served.peer();
                   co_await negotiate(other, 'B');
                   co_await other.send(subscribe("s", R"(["t"])", R"(,"last":9)"));
                   all = co_await heardSome(other, 4);
                   CHECK(all ==
                         Told{"ack s", "replay s event t 1 1", "replay s event t 2 1", "replay s live"});
               });
}

TEST_CASE("under 1.0.0 last is a field like any that is unknown")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   co_await served.router->publish("t", Json(1));
                   auto peer = co_await served.peer();
                   auto answer =
                       co_await asked(peer, request("subscribe", "s", R"("topics":["t"],"last":"x")"));
                   CHECK(answer == "ack s");
                   co_await served.router->publish("t", Json(2));
                   answer = co_await heard(peer);
                   CHECK(answer == "event t 2 2");
               });
}

TEST_CASE(
    "a replay larger than the queue waits for its reader, and at its seam nothing is missing or comes twice")
{
    constexpr int before = 600;
    constexpr int during = 300;
    const Json large(std::string(2'000, 'x'));
    withRouter({.queueSize = 500},
               [&](Served& served) -> asio::awaitable<void>
               {
                   for (int number = 0; number < before; ++number)
                       co_await served.router->publish("t", large);
                   auto peer = co_await served.peer(4096);
                   co_await negotiate(peer);
                   auto answer = co_await asked(peer, subscribe("s", R"(["t","u"])", R"(,"last":10000)"));
                   CHECK(answer == "ack s");
                   for (int number = 0; number < during; ++number)
                       co_await served.router->publish("t", large);
                   int next = 1;
                   bool isLive = false;
                   while (next <= before + during)
                   {
                       const auto message = co_await peer.message();
                       if (message.contains("live"))
                       {
                           CHECK_FALSE(std::exchange(isLive, true));
                           continue;
                       }
                       REQUIRE(message.at("sequenceNumber") == next);
                       CHECK(message.contains("replay") == !isLive);
                       ++next;
                   }
                   CHECK(next == before + during + 1);
                   if (!isLive)
                   {
                       answer = co_await heard(peer);
                       CHECK(answer == "replay s live");
                   }
                   co_await served.router->publish("u", Json(1));
                   answer = co_await heard(peer);
                   CHECK(answer == "event u 1 1");
               });
}

TEST_CASE(
    "who subscribes to a topic that is being replayed has it live at once, whatever the replay still gives")
{
    constexpr int before = 600;
    // More than the sockets of both sides take.
    const Json large(std::string(20'000, 'x'));
    withRouter({.queueSize = 500},
               [&](Served& served) -> asio::awaitable<void>
               {
                   for (int number = 0; number < before; ++number)
                       co_await served.router->publish("t", large);
                   auto peer = co_await served.peer(4096);
                   co_await negotiate(peer);
                   auto answer = co_await asked(peer, subscribe("s", R"(["t"])", R"(,"last":10000)"));
                   CHECK(answer == "ack s");
                   co_await peer.send(subscribe("again", R"(["t"])"));
                   co_await served.router->publish("u", Json(1));  // behind the request
                   bool isAcked = false;
                   while (!isAcked) isAcked = told(co_await peer.message()) == "ack again";
                   co_await served.router->publish("t", Json(7));
                   Told last;
                   for (bool isOver = false; !isOver;)
                   {
                       const auto message = co_await peer.message();
                       isOver = message.contains("live");
                       if (message.contains("data") && message.at("data") == 7) last.push_back(told(message));
                   }
                   std::sort(last.begin(), last.end());
                   CHECK(last == Told{"event t 601 7", "replay s event t 601 7"});
               });
}

TEST_CASE("what is logged while the backlog is fetched comes once, behind it")
{
    const auto broker = std::make_shared<ToldBroker>();
    withRouter({.broker = broker},
               [&](Served& served) -> asio::awaitable<void>
               {
                   const auto core = RouterAccess::core(*served.router);
                   int number = 0;
                   const auto publishOne = [&] { core->publishNow({"t"}, Json(++number)); };
                   broker->whileReading = publishOne;
                   publishOne();
                   auto peer = co_await served.peer();
                   co_await negotiate(peer);
                   co_await peer.send(subscribe("s", R"(["t"])", R"(,"last":1)"));
                   const auto all = co_await heardSome(peer, 5);
                   CHECK(all == Told{"ack s", "replay s event t 2 2", "replay s event t 3 3",
                                     "replay s event t 4 4", "replay s live"});
                   publishOne();
                   const auto event = co_await heard(peer);
                   CHECK(event == "event t 5 5");

                   // A log out of reach is no silence.
                   broker->whileReading = nullptr;
                   auto other = co_await served.peer();
                   co_await negotiate(other);
                   co_await other.send(subscribe("s", R"(["t"])", R"(,"last":1)"));
                   const auto end = co_await other.closed();
                   CHECK(end == "1011 The log is out of reach");
               });
}

TEST_CASE("unsubscribing from all of a replay's topics ends it before its ack, from some leaves them out")
{
    const auto broker = std::make_shared<ToldBroker>();
    withRouter({.broker = broker},
               [&](Served& served) -> asio::awaitable<void>
               {
                   co_await served.router->publish("t", Json(1));
                   co_await served.router->publish("u", Json(1));
                   broker->whileReading = [] {};
                   auto peer = co_await served.peer();
                   co_await negotiate(peer);
                   const std::string both = R"("topics":["t","u"])";
                   co_await peer.send(subscribe("s", R"(["t","u"])", R"(,"last":1)"));
                   co_await peer.send(under1_1("unsubscribe", "v", both));
                   auto all = co_await heardSome(peer, 3);
                   CHECK(all == Told{"ack s", "replay s more", "ack v"});
                   co_await peer.send(subscribe("s", R"(["t","u"])", R"(,"last":1)"));
                   co_await peer.send(under1_1("unsubscribe", "v", R"("topics":["u"])"));
                   all = co_await heardSome(peer, 4);
                   CHECK(all == Told{"ack s", "ack v", "replay s event t 1 1", "replay s live"});
               });
}

TEST_CASE("what a rule retains is replayed though the log gave it up, and its topic keeps its numbers")
{
    const auto broker =
        std::make_shared<MemoryBroker>(MemoryBrokerOptions{.maxEntries = 5, .forgetTopicAfter = 0ms});
    withRouter({.retain = {{"task.*.completed", 1, 10min}}, .broker = broker},
               [](Served& served) -> asio::awaitable<void>
               {
                   RouterCore::retain(RouterAccess::core(*served.router), {"kept", 2, 10min});
                   co_await served.router->publish("task.1.completed", Json("old"));
                   co_await served.router->publish("task.1.completed", Json("done"));
                   for (int number = 1; number <= 3; ++number)
                       co_await served.router->publish("kept", Json(number));
                   for (int number = 0; number < 20; ++number)
                       co_await served.router->publish("noise." + std::to_string(number), Json(1));
                   auto peer = co_await served.peer();
                   co_await negotiate(peer);
                   co_await peer.send(subscribe("s", R"(["task.*.completed","kept"])", R"(,"last":5)"));
                   const auto all = co_await heardSome(peer, 5);
                   CHECK(all == Told{"ack s", R"(replay s event task.1.completed 2 "done")",
                                     "replay s event kept 2 2", "replay s event kept 3 3", "replay s live"});
                   const auto receipt = co_await served.router->publish("task.1.completed", Json("again"));
                   CHECK(receipt.sequenceNumber == 3);
               });
}

TEST_CASE("clients on every shard of a pool get the same replay, and nothing twice at its seam")
{
    withPool(3, {.retain = {{"kept", 1, 10min}}},
             [](Pooled& pooled) -> asio::awaitable<void>
             {
                 co_await pooled.router.publish("kept", Json(0));
                 for (int number = 1; number <= 50; ++number)
                     co_await pooled.router.publish("t", Json(number));
                 std::vector<RawPeer> peers;
                 for (int index = 0; index < 6; ++index)
                 {
                     peers.push_back(co_await pooled.peer());
                     co_await negotiate(peers.back(), static_cast<char>('A' + index));
                 }
                 for (int round = 0; round < 6; ++round)
                 {
                     co_await peers[static_cast<std::size_t>(round)].send(
                         subscribe("s", R"(["t","kept"])", R"(,"last":20)"));
                     for (int number = 0; number < 10; ++number) co_await pooled.router.publish("t", Json(1));
                 }
                 for (auto& peer : peers)
                 {
                     std::uint64_t last = 0;
                     bool isLive = false;
                     while (last < 110)
                     {
                         const auto message = co_await peer.message();
                         if (message.contains("live")) isLive = true;
                         if (!message.contains("topic") || message.at("topic") != "t") continue;
                         const auto number = message.at("sequenceNumber").to_number<std::uint64_t>();
                         REQUIRE((last == 0 || number == last + 1));
                         REQUIRE(message.contains("replay") == !isLive);
                         last = number;
                     }
                     if (isLive) continue;
                     const auto end = co_await heard(peer);
                     CHECK(end == "replay s live");
                 }
             });
}

TEST_CASE("a replay gives its backlog first, then what was captured, and drops of that the oldest")
{
    const auto entry = [](std::uint64_t offset)
    {
        Publication publication{.id = "e", .topic = "t"};
        return LogEntry::make(publication, offset, offset);
    };
    Replay replay("s", {"t"}, {"t"}, {});
    for (std::uint64_t offset = 4; offset <= 6; ++offset) CHECK(replay.capture(entry(offset)).count == 1);
    replay.begin({entry(3), entry(4)}, 4);
    CHECK(replay.pending() == 4);
    CHECK(replay.captured().count == 2);
    static_cast<void>(replay.capture(entry(7)));
    CHECK(replay.dropOldestCaptured()->offset == 5);
    for (const std::uint64_t offset : {3U, 4U, 6U, 7U})
    {
        REQUIRE(replay.next());
        CHECK(replay.next()->offset == offset);
        replay.pop();
    }
    CHECK(replay.next() == nullptr);
    CHECK(replay.captured().count == 0);
    CHECK(replay.captured().bytes == 0);
}

TEST_CASE("what waits to be replayed to a slow reader is bounded, and every event that it lost is counted")
{
    const Json large(std::string(100'000, 'x'));
    withRouter({.queueSize = 10, .maxReplayedEvents = 30},
               [&](Served& served) -> asio::awaitable<void>
               {
                   for (int number = 0; number < 50; ++number) co_await served.router->publish("t", large);
                   auto peer = co_await served.peer(4096);
                   co_await negotiate(peer);
                   auto answer = co_await asked(peer, subscribe("s", R"(["t"])", R"(,"last":40)"));
                   CHECK(answer == "ack s");
                   for (int number = 0; number < 50; ++number) co_await served.router->publish("t", large);
                   // A second replay finds no room for more than what is left.
                   co_await peer.send(subscribe("more", R"(["u"])", R"(,"last":1)"));
                   std::size_t events = 0;
                   std::uint64_t last = 0;
                   // How much the sockets take is the system's to say; the newest comes in any case.
                   while (last < 100)
                   {
                       const auto message = co_await peer.message();
                       if (!message.contains("sequenceNumber")) continue;
                       const auto number = message.at("sequenceNumber").to_number<std::uint64_t>();
                       CHECK(number > last);
                       last = number;
                       ++events;
                   }
                   CHECK(last == 100);
                   CHECK(events < 90);
                   const auto ids = co_await served.server.getConnectedClients();
                   const auto info = co_await served.server.getClient(ids.at(0));
                   CHECK(info->eventsDelivered == events);
                   CHECK(info->eventsDropped == 90 - events);
               });
}
