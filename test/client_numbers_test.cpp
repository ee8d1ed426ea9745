#include "client/topic_numbers.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Texts = std::vector<std::string>;

/// What is missing before an event: nothing, so many, or `some`.
std::string before(TopicNumbers& numbers, std::string_view topic, std::uint64_t number)
{
    const auto gap = numbers.gapBefore({.topic = topic, .sequenceNumber = number});
    if (!gap) return "nothing";
    CHECK(gap->reason == Gap::Reason::dropped);
    return gap->missed ? std::to_string(*gap->missed) : "some";
}

/// A stream's contents in short: `a 1`, `gap 2`, `gap`, `lost`, `resumed`.
Texts taken(EventStream<Delivery>& stream)
{
    Texts all;
    while (const auto item = stream.tryNext())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*item))
            all.push_back(fmt::format("{} {}", event->topic, event->sequenceNumber.value_or(0)));
        if (std::holds_alternative<Resumed>(*item)) all.emplace_back("resumed");
        if (const auto* const gap = std::get_if<Gap>(&*item))
        {
            const auto* const name = gap->reason == Gap::Reason::disconnected ? "lost" : "gap";
            all.push_back(gap->missed ? fmt::format("{} {}", name, *gap->missed) : name);
        }
    }
    return all;
}

asio::awaitable<void> sayNumbers(ServerEnd& client, std::string topic, std::vector<std::uint64_t> numbers)
{
    for (const auto number : numbers) co_await client.event(topic, "0", number);
}

asio::awaitable<void> publishFrom(WSRouter& router, std::string topic)
{
    static_cast<void>(co_await router.publish(std::move(topic)));
}

}  // namespace

TEST_CASE("numbers that are passed over are missing, each topic's by themselves, from its first event on")
{
    TopicNumbers numbers;
    CHECK(before(numbers, "a", 7) == "nothing");
    CHECK(before(numbers, "b", 1) == "nothing");
    CHECK(before(numbers, "a", 8) == "nothing");
    CHECK(before(numbers, "a", 10) == "1");
    CHECK(before(numbers, "b", 5) == "3");
    CHECK(before(numbers, "a", 11) == "nothing");
    CHECK(before(numbers, "a", 1'000'000'000'011) == "999999999999");
}

TEST_CASE("a topic that begins at 1 again has lost nothing, nor one whose events carry no number")
{
    TopicNumbers numbers;
    CHECK(before(numbers, "a", 50) == "nothing");
    CHECK(before(numbers, "a", 1) == "nothing");
    CHECK(before(numbers, "a", 1) == "nothing");
    CHECK(before(numbers, "a", 2) == "nothing");
    CHECK_FALSE(numbers.gapBefore({.topic = "a"}));
    CHECK(before(numbers, "a", 4) == "1");
}

TEST_CASE("what is replayed is not counted, for it comes beside what is live")
{
    TopicNumbers numbers;
    CHECK(before(numbers, "a", 10) == "nothing");
    CHECK_FALSE(numbers.gapBefore({.topic = "a", .sequenceNumber = 1, .replay = "r"}));
    CHECK_FALSE(numbers.gapBefore({.topic = "a", .sequenceNumber = 5, .replay = "r"}));
    CHECK(before(numbers, "a", 11) == "nothing");
}

TEST_CASE("as many as the client published itself may be passed over, in each topic, and no more")
{
    TopicNumbers numbers;
    CHECK(before(numbers, "a", 1) == "nothing");
    CHECK(before(numbers, "b", 1) == "nothing");
    numbers.passedOver();
    numbers.passedOver();
    CHECK(before(numbers, "a", 3) == "nothing");
    CHECK(before(numbers, "a", 5) == "nothing");
    CHECK(before(numbers, "a", 7) == "1");
    // Of three that are missing two may be the client's own.
    CHECK(before(numbers, "b", 5) == "some");
    CHECK(before(numbers, "b", 7) == "1");
    numbers.passedOver();
    CHECK(before(numbers, "b", 9) == "nothing");
    // A publish of an earlier connection may come into the log late.
    numbers.beginAnew();
    CHECK(before(numbers, "a", 20) == "nothing");
    CHECK(before(numbers, "a", 24) == "nothing");
    CHECK(before(numbers, "a", 26) == "1");
}

TEST_CASE("a topic that was unsubscribed says nothing any more, not even when it is subscribed again")
{
    TopicNumbers numbers;
    CHECK(before(numbers, "a.x", 1) == "nothing");
    CHECK(before(numbers, "b", 1) == "nothing");
    numbers.unsubscribed({"a.*", "c"});
    CHECK(before(numbers, "a.x", 5) == "nothing");
    CHECK(before(numbers, "a.x", 9) == "nothing");
    CHECK(before(numbers, "b", 3) == "1");
    numbers.beginAnew();
    CHECK(before(numbers, "a.x", 20) == "nothing");
    CHECK(before(numbers, "a.x", 22) == "1");
}

TEST_CASE("topics without end take no memory without end, and what was forgotten is no gap")
{
    TopicNumbers numbers(10);
    CHECK(before(numbers, "often", 1) == "nothing");
    CHECK(before(numbers, "seldom", 1) == "nothing");
    for (std::uint64_t number = 2; number < 1000; ++number)
    {
        CHECK(before(numbers, fmt::format("task.{}", number), 1) == "nothing");
        CHECK(before(numbers, "often", number) == "nothing");
    }
    CHECK(before(numbers, "often", 1001) == "1");
    CHECK(before(numbers, "seldom", 5) == "nothing");
    for (int number = 0; number < 11; ++number) numbers.unsubscribed({fmt::format("task.{}", number)});
    CHECK(before(numbers, "often", 1005) == "nothing");
}

TEST_CASE(
    "however topics follow each other, and wherever a connection begins anew, each one's numbers are its own")
{
    std::mt19937 random(3);
    TopicNumbers numbers(4);  // of five topics, the one that is asked for may be forgotten
    std::map<std::string, std::uint64_t> last;
    std::string topic = "a";
    for (int step = 0; step < 50'000; ++step)
    {
        if (random() % 3 == 0)
            topic =
                std::string(1, static_cast<char>('a' + random() % 5)) + std::string(random() % 2 * 20, 'x');
        if (random() % 50 == 0)
        {
            numbers.beginAnew();
            last.clear();
        }
        const auto known = last.find(topic);
        const auto missed = random() % 4 == 0 ? random() % 9 : 0;
        const auto number = known == last.end() ? 1 + random() % 9 : known->second + 1 + missed;
        const auto said = before(numbers, topic, number);
        last[topic] = number;
        // What was forgotten is no gap, and those before are.
        const bool isGap = known != last.end() && missed > 0;
        CAPTURE(step);
        REQUIRE((said == "nothing" || (isGap && said == std::to_string(missed))));
        // The one before is never forgotten.
        REQUIRE(before(numbers, topic, number + 3) == "2");
        last[topic] = number + 3;
    }
}

TEST_CASE("events that the server dropped are a Gap in their place, in those streams that they were for")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int number) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      co_await client.grant("subscribe");
                                      if (number == 1) co_await client.grant("subscribe");
                                      const auto request = co_await client.expect("publish");
                                      co_await sayNumbers(client, "a", {4, 5, 8});
                                      co_await sayNumbers(client, "b.x", {1, 3});
                                      if (number == 1)
                                          co_await client.close(1001);
                                      else
                                          co_await client.ack(idOf(request));
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnectInterval = 0ms});
            co_await client.connect();
            auto all = client.events();
            auto a = co_await client.subscribe("a");
            auto b = co_await client.subscribe("b.*");
            co_await client.publish("x", std::nullopt, Broadcast::yes);
            CHECK(taken(a) ==
                  Texts{"a 4", "a 5", "gap 2", "a 8", "lost", "resumed", "a 4", "a 5", "gap 2", "a 8"});
            CHECK(taken(b) == Texts{"b.x 1", "gap 1", "b.x 3", "lost", "resumed", "b.x 1", "gap 1", "b.x 3"});
            CHECK(taken(all).size() == 16);
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE(
    "what a full queue of the server's dropped, a client that only listens is told of to the last event")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0, .rateLimit = std::nullopt});
            WSRouter router(server, {.queueSize = 10});
            co_await server.start();
            // Its own streams drop nothing.
            WSClient client(io,
                            {.url = fmt::format("ws://127.0.0.1:{}", server.port()), .queueSize = 10'000});
            co_await client.connect();
            auto events = co_await client.subscribe("load.#");
            constexpr std::uint64_t count = 5'000;
            std::vector<Beside> burst;
            for (std::uint64_t number = 0; number < count; ++number)
            {
                burst.emplace_back(io.get_executor(),
                                   publishFrom(router, fmt::format("load.{}", number % 3)));
                if (number % 100 != 0) continue;
                for (auto& one : burst) CHECK((co_await one.ended()).went());
                burst.clear();
            }
            for (auto& one : burst) CHECK((co_await one.ended()).went());
            std::uint64_t seen = 0;
            std::uint64_t missed = 0;
            std::uint64_t first = 0;  // what was before a topic's first event nobody knows
            std::vector<std::uint64_t> last(3);
            while (last[0] + last[1] + last[2] < count)
            {
                const auto item = co_await events.next();
                REQUIRE(item);
                if (const auto* const gap = std::get_if<Gap>(&*item)) missed += gap->missed.value();
                const auto* const event = std::get_if<EventMessage>(&*item);
                if (!event) continue;
                ++seen;
                auto& place = last[static_cast<std::size_t>(event->topic.back() - '0')];
                if (place == 0) first += event->sequenceNumber.value() - 1;
                place = event->sequenceNumber.value();
            }
            CHECK(seen + missed + first == count);
            CHECK(missed > 0);
            co_await client.disconnect();
            co_await server.shutdown();
        });
}

TEST_CASE("a client that publishes without an echo sees no gap where its own events would be")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0, .rateLimit = std::nullopt});
            WSRouter router(server);
            co_await server.start();
            WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
            co_await client.connect();
            auto events = co_await client.subscribe("a");
            for (int round = 0; round < 50; ++round)
            {
                co_await client.publish("a");
                co_await client.send(PublishMessage{.topic = "a"});
                co_await client.publish("a", std::nullopt, Broadcast::yes);
                co_await router.publish("a");
            }
            std::uint64_t last = 0;
            while (last < 200)
            {
                const auto item = co_await events.next();
                REQUIRE(item);
                const auto* const event = std::get_if<EventMessage>(&*item);
                REQUIRE(event);
                last = event->sequenceNumber.value();
            }
            co_await client.disconnect();
            co_await server.shutdown();
        });
}
