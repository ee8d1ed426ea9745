#include "client/event_sinks.hpp"
#include "support/scarce.hpp"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

void say(EventSinks& sinks, const std::string& topic)
{
    sinks.push(viewOf(EventMessage{.id = "1", .topic = topic, .data = Json(1)}));
}

std::vector<TopicPattern> patterns(std::initializer_list<const char*> texts)
{
    std::vector<TopicPattern> all;
    for (const auto* const text : texts) all.emplace_back(text);
    return all;
}

asio::awaitable<void> readToEnd(EventStream<Delivery>& stream, int& ended)
{
    while (co_await stream.next())
    {
    }
    ++ended;
}

using Next = std::optional<Delivery>;

asio::awaitable<void> readOne(EventStream<Delivery>& stream, std::optional<Next>& read)
{
    read = co_await stream.next();
}

/// What next() gives, if it need not wait.
std::optional<Next> readNow(asio::io_context& io, EventStream<Delivery>& stream)
{
    std::optional<Next> read;
    asio::co_spawn(io, readOne(stream, read), asio::detached);
    io.restart();
    io.poll();
    const auto now = read;
    stream.close();
    io.restart();
    io.poll();
    return now;
}

/// With no memory at all, then for one allocation, and so on until there was enough for what `attempt` does;
/// it tells whether that was so.
void withEachShortage(const std::function<bool(std::size_t allocations)>& attempt)
{
    std::size_t allocations = 0;
    while (!attempt(allocations)) REQUIRE(++allocations < 1'000);
    CHECK(allocations > 0);
}

}  // namespace

TEST_CASE("a stream that there is no memory for throws where it is made or ends, and the others miss nothing")
{
    withEachShortage(
        [](std::size_t allocations)
        {
            asio::io_context io{1};
            EventSinks sinks(io.get_executor(), 1'000, 1 << 20);
            auto before = sinks.deliveries(patterns({"a"}));
            say(sinks, "a");
            REQUIRE(before.tryNext());
            auto wanted = patterns({"b.c.d", "a", "#"});

            std::optional<EventStream<Delivery>> fresh;
            bool wasRefused = false;
            try
            {
                const Scarce memory(allocations);
                fresh = sinks.deliveries(std::move(wanted));
                sinks.push(Gap{3, Gap::Reason::dropped}, "nobody.s");  // takes what is new
            }
            catch (const std::bad_alloc&)
            {
                wasRefused = true;
            }
            say(sinks, "a");
            CHECK(before.tryNext());
            if (!fresh) return false;
            const auto next = readNow(io, *fresh);
            REQUIRE(next);  // nobody waits
            CHECK(sinks.size() == (next->has_value() ? 2 : 1));
            return next->has_value() && !wasRefused;
        });
}

TEST_CASE("all streams end when the client does, also where there is no memory at all")
{
    asio::io_context io{1};
    EventSinks sinks(io.get_executor(), 1'000, 1 << 20);
    auto known = sinks.deliveries(patterns({"a"}));
    say(sinks, "a");
    auto fresh = sinks.deliveries(patterns({"x.y", "z"}));
    struct Tap final : EventTap
    {
        void heard(const EventMessage&) override {}
        void missed() override {}
        void missed(const std::string&) override {}
        void resumed() override {}
        void ended() override
        {
            ++timesEnded;
            throw std::bad_alloc();
        }
        int timesEnded = 0;
    };
    const std::vector taps{std::make_shared<Tap>(), std::make_shared<Tap>()};
    for (const auto& tap : taps) sinks.add(tap);
    int ended = 0;
    asio::co_spawn(io, readToEnd(known, ended), asio::detached);
    asio::co_spawn(io, readToEnd(fresh, ended), asio::detached);
    io.poll();
    {
        const Scarce memory(0);
        sinks.endAll();
    }
    io.restart();
    io.poll();
    CHECK(ended == 2);
    CHECK(sinks.size() == 0);
    for (const auto& tap : taps) CHECK(tap->timesEnded == 1);
}

TEST_CASE("what there is no memory to find the streams of is for the same streams when it comes again")
{
    const std::string longTopic = "b.a.long.topic.that.takes.memory.of.its.own";
    for (const auto& topic : {std::string("b.x"), longTopic})
    {
        for (const bool isGap : {false, true})
        {
            withEachShortage(
                [&](std::size_t allocations)
                {
                    asio::io_context io(1);
                    EventSinks sinks(io.get_executor(), 100, 1 << 20);
                    auto others = sinks.deliveries(patterns({"a.#", "a.x"}));
                    auto own = sinks.deliveries(patterns({"b.#", "b.x"}));
                    say(sinks, "a.x");
                    bool hadEnough = false;
                    try
                    {
                        const Scarce scarce(allocations);
                        if (isGap)
                            sinks.push(Gap{1, Gap::Reason::dropped}, topic);
                        else
                            sinks.push(EventView{.id = "1", .topic = topic});
                        hadEnough = true;
                    }
                    catch (const std::bad_alloc&)
                    {
                    }
                    while (own.tryNext())
                    {
                    }
                    say(sinks, topic);
                    CHECK(own.tryNext());
                    CHECK(others.tryNext());
                    CHECK_FALSE(others.tryNext());
                    return hadEnough;
                });
        }
    }
}
