#include "client/event_sinks.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

struct Sinks
{
    asio::io_context io{1};
    EventSinks sinks;

    explicit Sinks(std::size_t capacity = 1'000, std::size_t bytes = 1 << 20)
        : sinks(io.get_executor(), capacity, bytes)
    {
    }

    EventStream<Delivery> listen(const std::string& pattern)
    {
        return sinks.deliveries({TopicPattern(pattern)});
    }
    void say(std::string topic, std::string text = "x")
    {
        sinks.push(viewOf(EventMessage{.id = "1", .topic = std::move(topic), .data = Json(text)}));
    }
};

/// A stream's contents in short: topics, `gap 2`, `lost`, `resumed`.
std::vector<std::string> taken(EventStream<Delivery>& stream)
{
    std::vector<std::string> all;
    while (const auto delivery = stream.tryNext())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*delivery)) all.push_back(event->topic);
        if (std::holds_alternative<Resumed>(*delivery)) all.emplace_back("resumed");
        if (const auto* const gap = std::get_if<Gap>(&*delivery))
            all.push_back(gap->missed ? fmt::format("gap {}", *gap->missed) : "lost");
    }
    return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a million streams that are made and let go of leave no trace, without a single event")
{
    Sinks all;
    const auto kept = all.listen("kept");
    for (int round = 0; round < 500'000; ++round)
    {
        static_cast<void>(all.listen(fmt::format("task.{}.completed", round)));
        static_cast<void>(all.sinks.lifecycle());
        if (all.sinks.size() > 64) break;
    }
    CHECK(all.sinks.size() <= 64);
    all.sinks.pushLost();
    all.sinks.push(Lifecycle(Connected()));
    CHECK(all.sinks.size() == 1);
}

TEST_CASE("a stream that another thread makes hears every event from some moment on, in order")
{
    Sinks all;
    std::atomic<bool> isOver = false;
    std::atomic<int> wrong = 0;
    std::thread maker(
        [&]
        {
            for (int round = 0; round < 30; ++round)
            {
                auto stream = all.listen("a.*");
                std::uint64_t last = 0;
                for (int heard = 0; heard < 5;)
                {
                    const auto delivery = stream.tryNext();
                    if (!delivery)
                    {
                        std::this_thread::yield();
                        continue;
                    }
                    ++heard;
                    if (const auto* const gap = std::get_if<Gap>(&*delivery))
                    {
                        if (last != 0) last += gap->missed.value_or(0);
                        continue;
                    }
                    const auto number = std::stoull(std::get<EventMessage>(*delivery).topic.substr(2));
                    if (last != 0 && number != last + 1) ++wrong;
                    last = number;
                }
            }
            isOver = true;
        });
    for (std::uint64_t number = 1; !isOver; ++number)
    {
        all.say(fmt::format("a.{}", number));
        if (number % 16 == 0) std::this_thread::yield();
    }
    maker.join();
    CHECK(wrong == 0);
}

TEST_CASE("looking for streams that were let go of takes no longer the more there are that were not")
{
    Sinks all;
    std::vector<EventStream<Delivery>> kept;
    for (int number = 0; number < 20'000; ++number) kept.push_back(all.listen(fmt::format("a.{}", number)));
    // Were all looked at for each event, these would be 400 million looks.
    for (int number = 0; number < 20'000; ++number) all.say(fmt::format("a.{}", number));
    for (auto& stream : kept) CHECK(stream.tryNext());
}

TEST_CASE(
    "each stream hears what it is for, however topics follow each other and streams come and go between them")
{
    struct Listening
    {
        TopicPattern pattern;
        EventStream<Delivery> stream;
        Texts expected;
    };
    std::mt19937 random(4);
    Sinks all(100'000);
    std::vector<Listening> streams;
    const std::array topics{"a", "a.b", "a.c", "b.c", "a.long.topic.that.is.no.short.string", "b"};
    const std::array patterns{"a", "a.*", "a.#", "*.c", "#", "b"};
    std::string topic = "a";
    for (int step = 0; step < 5'000; ++step)
    {
        if (random() % 3 == 0) topic = topics[random() % topics.size()];
        if (random() % 4 == 0)
        {
            const std::string pattern = patterns[random() % patterns.size()];
            streams.push_back({TopicPattern(pattern), all.listen(pattern), {}});
        }
        if (random() % 4 == 0 && !streams.empty())
        {
            // It is let go of between two events that it is for, or not for.
            const auto gone = streams.begin() + static_cast<std::ptrdiff_t>(random() % streams.size());
            CHECK(taken(gone->stream) == gone->expected);
            streams.erase(gone);
        }
        all.say(topic);
        for (auto& one : streams)
            if (one.pattern.matches(topic)) one.expected.push_back(topic);
    }
    for (auto& one : streams) CHECK(taken(one.stream) == one.expected);
    all.sinks.endAll();
    all.say(topic);  // for nobody
    auto later = all.listen("a");
    all.say("a");
    CHECK(taken(later) == Texts{"a"});
}

TEST_CASE("streams are told of a loss, of what is missed and of its end, and found out when let go of")
{
    Sinks all;
    auto exact = all.listen("a");
    auto pattern = all.listen("*");
    auto everything = all.sinks.deliveries({});
    auto gone = all.listen("a");
    gone.close();
    all.say("a");
    CHECK(all.sinks.size() == 3);
    all.sinks.pushLost();
    auto later = all.listen("a");
    all.sinks.pushResumed({"a"});
    all.say("b.c");
    all.say("b");
    CHECK(taken(exact) == Texts{"a", "lost"});
    CHECK(taken(pattern) == Texts{"a", "lost", "resumed", "b"});
    CHECK(taken(everything) == Texts{"a", "lost", "b.c", "b"});
    CHECK(taken(later).empty());
    all.sinks.pushResumed();
    CHECK(taken(exact) == Texts{"resumed"});
    CHECK(taken(pattern).empty());
    CHECK(taken(everything) == Texts{"resumed"});
    CHECK(taken(later).empty());
}

TEST_CASE("a stream is bounded in bytes as well, and one event always fits")
{
    Sinks all(1'000, 64 * 1024);
    auto stream = all.listen("#");
    const std::string large(100 * 1024, 'x');
    all.say("small.1");
    all.say("large.1", large);
    CHECK(taken(stream) == Texts{"gap 1", "large.1"});
    all.say("large.2", large);
    all.say("small.2");
    CHECK(taken(stream) == Texts{"gap 1", "small.2"});
    const std::string tenth(6 * 1024, 'x');
    for (int number = 0; number < 1'000; ++number) all.say("tenth", tenth);
    const auto left = taken(stream);
    CHECK(left.size() == 11);
    CHECK(left.front() == "gap 990");
    // What was read makes room.
    for (int number = 0; number < 10; ++number) all.say("tenth", tenth);
    CHECK(taken(stream) == Texts(10, "tenth"));
}

TEST_CASE("a stream for no event at all keeps the newest one")
{
    Sinks all(0, 0);
    auto stream = all.listen("#");
    all.say("a");
    all.say("b");
    CHECK(taken(stream) == Texts{"gap 1", "b"});
}
