#include "support/connection_bench.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Texts = std::vector<std::string>;

constexpr MemoryTransportOptions narrow{.capacity = 10};

ConnectionOptions withPolicy(Backpressure policy, std::size_t maxFrames = 3)
{
    ConnectionOptions options;
    options.closeTimeout = 1s;
    options.outbox = {maxFrames, 1 << 20, policy};
    return options;
}

// The topic is the first letter.
SharedFrame event(const std::string& text)
{
    return SharedFrame::text(text, text.substr(0, 1));
}

Strand<std::vector<wire::Frame>> drain(ConnectionBench& bench)
{
    std::vector<wire::Frame> all;
    for (int idle = 0; idle < 3; ++idle)
    {
        co_await turns(5);
        bench.peer.read();
        while (auto frame = wire::takeFrame(bench.peer.received))
        {
            all.push_back(std::move(*frame));
            idle = 0;
        }
        if (!bench.connection->outbox().empty()) idle = 0;
    }
    co_return all;
}

Strand<Texts> drainTexts(ConnectionBench& bench)
{
    Texts texts;
    for (const auto& frame : co_await drain(bench)) texts.push_back(frame.payload);
    co_return texts;
}

// With one event that has begun to leave, out of everyone's reach, and two that wait.
Strand<> fill(ConnectionBench& bench)
{
    bench.connection->sendEvent(event("z, which leaves in part"));
    co_await turns();
    bench.connection->sendEvent(event("a1"));
    bench.connection->sendEvent(event("b1"));
}

}  // namespace

TEST_CASE("dropNewest: a full queue keeps what waits, and the new event goes")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            co_await fill(bench);
            CHECK_FALSE(bench.connection->sendEvent(event("a2")));
            CHECK_FALSE(bench.connection->sendEvent(event("c1")));
            CHECK(bench.heard.dropped == Texts{"a", "c"});
            CHECK(bench.heard.reasons ==
                  std::vector<DropReason>{DropReason::queueFull, DropReason::queueFull});
            const auto texts = co_await drainTexts(bench);
            CHECK(texts == Texts{"z, which leaves in part", "a1", "b1"});
        },
        withPolicy(Backpressure::dropNewest), narrow);
}

TEST_CASE("conflate: a full queue keeps the newest of each topic, and the new one stands at its end")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            co_await fill(bench);
            CHECK(bench.connection->sendEvent(event("a2")));
            CHECK(bench.connection->sendEvent(event("a3")));
            CHECK(bench.connection->sendEvent(event("b2")));
            CHECK(bench.heard.dropped == Texts{"a", "a", "b"});
            CHECK(bench.heard.reasons == std::vector<DropReason>(3, DropReason::superseded));
            // Of a topic of its own: nothing is superseded, so the oldest goes.
            CHECK(bench.connection->sendEvent(event("c1")));
            CHECK(bench.heard.dropped.back() == "a");
            CHECK(bench.heard.reasons.back() == DropReason::queueFull);
            const auto texts = co_await drainTexts(bench);
            CHECK(texts == Texts{"z, which leaves in part", "b2", "c1"});
        },
        withPolicy(Backpressure::conflate), narrow);
}

TEST_CASE(
    "conflate: what is superseded goes before the newest of any topic, and nothing goes before the bound")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            co_await fill(bench);
            for (const auto* const text : {"b2", "a2", "a3"}) bench.connection->sendEvent(event(text));
            CHECK(bench.heard.dropped.empty());
            bench.connection->sendEvent(event("c1"));
            CHECK(bench.heard.dropped == Texts{"a", "b", "a"});
            const auto texts = co_await drainTexts(bench);
            CHECK(texts == Texts{"z, which leaves in part", "b2", "a3", "c1"});
        },
        withPolicy(Backpressure::conflate, 6), narrow);
}

TEST_CASE("disconnect: a full queue ends the connection with 1008, and every event is accounted for")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            co_await fill(bench);
            CHECK_FALSE(bench.connection->sendEvent(event("c1")));
            CHECK_FALSE(bench.connection->sendEvent(event("d1")));
            const auto frames = co_await drain(bench);
            REQUIRE(frames.size() == 2);
            CHECK(frames[0].payload == "z, which leaves in part");
            CHECK(frames[1].opcode == wire::close);
            CHECK(frames[1].payload == wire::closePayload(1008, "Slow consumer"));
            CHECK(bench.heard.dropped.size() == 4);
        },
        withPolicy(Backpressure::disconnect), narrow);
}

TEST_CASE("an event that was presented to a stream that would block stays the first, whatever is queued then")
{
    // The stream is full exactly where an event begins.
    const auto first = event("a, as long as what the stream holds");
    withConnection(
        [&](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->sendEvent(first);
            bench.connection->sendEvent(event("b1"));
            bench.connection->sendEvent(event("c1"));
            co_await turns();
            CHECK(bench.connection->outbox().eventsLeft() == 2);
            bench.connection->send("answer");
            bench.connection->sendEvent(event("d1"));
            bench.connection->sendEvent(event("e1"));
            CHECK(bench.heard.dropped == Texts{"c"});
            const auto texts = co_await drainTexts(bench);
            CHECK(texts == Texts{"a, as long as what the stream holds", "b1", "answer", "d1", "e1"});
        },
        withPolicy(Backpressure::dropOldest), {.capacity = first.bytes().size()});
}

TEST_CASE("each event is written or told as dropped, once, under random load, policies and ends")
{
    for (const auto policy : {Backpressure::dropOldest, Backpressure::dropNewest, Backpressure::conflate,
                              Backpressure::disconnect})
        for (unsigned seed = 1; seed <= 25; ++seed)
        {
            CAPTURE(static_cast<int>(policy));
            CAPTURE(seed);
            auto options = withPolicy(policy, 8);
            options.outbox.maxBytes = 200;
            withConnection(
                [&](ConnectionBench& bench) -> Strand<>
                {
                    std::minstd_rand random(seed);
                    std::size_t sent = 0;
                    std::size_t written = 0;
                    Texts arrived;
                    const auto take = [&]
                    {
                        for (const auto& frame : bench.peer.frames())
                            if (frame.opcode == wire::text && frame.payload != "answer")
                                arrived.push_back(frame.payload);
                    };
                    for (int step = 0; step < 200; ++step)
                    {
                        for (unsigned count = random() % 4; count > 0; --count, ++sent)
                            bench.connection->sendEvent(
                                event(fmt::format("{}{:04}{}", static_cast<char>('a' + random() % 5), sent,
                                                  std::string(random() % 40, '.'))));
                        const auto& outbox = bench.connection->outbox();
                        CHECK(outbox.eventsLeft() <= 8);
                        CHECK((outbox.eventBytes() <= 200 || outbox.eventsLeft() == 1));
                        if (random() % 5 == 0) bench.connection->send("answer");
                        co_await turns(static_cast<int>(random() % 3));
                        if (random() % 3 == 0) bench.peer.read(random() % 60);
                        // What has been handed to the stream, and what not.
                        written = sent - bench.heard.dropped.size() - outbox.eventsLeft();
                    }
                    if (seed % 2 == 0)
                    {
                        bench.connection->abandon();
                        co_await turns();
                        REQUIRE(bench.reason);
                        CHECK(sent - bench.heard.dropped.size() == written);
                    }
                    else
                    {
                        for (int round = 0; round < 2'000 && !bench.connection->outbox().empty(); ++round)
                        {
                            take();
                            co_await turns(2);
                        }
                    }
                    take();
                    // Where the stream was cut, what it still held came to nobody.
                    if (seed % 2 == 1) CHECK(arrived.size() + bench.heard.dropped.size() == sent);
                    for (std::size_t index = 1; index < arrived.size(); ++index)
                        CHECK(arrived[index - 1].substr(1, 4) < arrived[index].substr(1, 4));
                    CHECK(bench.heard.dropped.size() == bench.heard.reasons.size());
                },
                options, {.capacity = 50});
        }
}
