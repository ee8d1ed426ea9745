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

using Frames = std::vector<wire::Frame>;

// A stream that holds so little that whatever the peer does not read waits in the connection.
constexpr MemoryTransportOptions narrow{.capacity = 10};

ConnectionOptions serverOptions()
{
    ConnectionOptions options;
    options.closeTimeout = 1s;
    return options;
}

SharedFrame event(const std::string& text)
{
    return SharedFrame::text(text, "topic of " + text);
}

std::vector<std::string> textsOf(const Frames& frames)
{
    std::vector<std::string> texts;
    for (const auto& frame : frames) texts.push_back(frame.payload);
    return texts;
}

// Reads on until the connection has nothing more to send.
Strand<Frames> drain(ConnectionBench& bench)
{
    Frames all;
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

}  // namespace

TEST_CASE("answers overtake events, but no frame that has begun to leave")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->sendEvent(event("first, long enough to be cut"));
            bench.connection->sendEvent(event("second"));
            co_await turns();
            bench.connection->send("answer");
            bench.connection->send("another");
            const auto texts = textsOf(co_await drain(bench));
            CHECK(texts ==
                  std::vector<std::string>{"first, long enough to be cut", "answer", "another", "second"});
            CHECK(bench.heard.dropped.empty());
        },
        serverOptions(), narrow);
}

TEST_CASE("at the bound in events the oldest goes, but never the one that has begun to leave")
{
    auto options = serverOptions();
    options.outbox.maxFrames = 3;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->sendEvent(event("event 0, which leaves in part"));
            co_await turns();
            for (int number = 1; number <= 6; ++number)
                bench.connection->sendEvent(event(fmt::format("event {}", number)));
            CHECK(bench.connection->outbox().eventsLeft() == 3);
            CHECK(bench.heard.dropped == std::vector<std::string>{"topic of event 1", "topic of event 2",
                                                                  "topic of event 3", "topic of event 4"});
            const auto texts = textsOf(co_await drain(bench));
            CHECK(texts == std::vector<std::string>{"event 0, which leaves in part", "event 5", "event 6"});
        },
        options, narrow);
}

TEST_CASE("at the bound in bytes the oldest go, and one event always fits")
{
    auto options = serverOptions();
    options.outbox.maxBytes = 50;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->sendEvent(event(std::string(20, 'a')));
            bench.connection->sendEvent(event(std::string(20, 'b')));
            CHECK(bench.heard.dropped.empty());
            bench.connection->sendEvent(event(std::string(100, 'c')));
            CHECK(bench.heard.dropped.size() == 2);
            bench.connection->sendEvent(event(std::string(30, 'd')));
            CHECK(bench.heard.dropped.size() == 3);
            CHECK(bench.connection->outbox().eventBytes() == 32);
            const auto texts = textsOf(co_await drain(bench));
            CHECK(texts == std::vector<std::string>{std::string(30, 'd')});
            CHECK(bench.connection->outbox().eventBytes() == 0);
        },
        options, narrow);
}

TEST_CASE("where the only event has begun to leave, it is the new one that does not fit")
{
    auto options = serverOptions();
    options.outbox.maxFrames = 1;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->sendEvent(event("a long event that leaves in part"));
            co_await turns();
            bench.connection->sendEvent(event("new"));
            CHECK(bench.heard.dropped == std::vector<std::string>{"topic of new"});
            const auto texts = textsOf(co_await drain(bench));
            CHECK(texts == std::vector<std::string>{"a long event that leaves in part"});
        },
        options, narrow);
}

TEST_CASE("every event is delivered or told as dropped, in order, however slowly the peer reads")
{
    auto options = serverOptions();
    options.outbox = {5, 200};
    for (unsigned seed = 1; seed <= 20; ++seed)
    {
        CAPTURE(seed);
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                std::minstd_rand random(seed);
                std::size_t sent = 0;
                std::size_t answers = 0;
                std::vector<std::string> arrived;
                const auto take = [&]
                {
                    while (auto frame = wire::takeFrame(bench.peer.received))
                        arrived.push_back(frame->payload);
                };
                for (int step = 0; step < 300; ++step)
                {
                    if (random() % 3 == 0)
                        bench.connection->send(fmt::format("answer {}", ++answers));
                    else
                        bench.connection->sendEvent(
                            event(fmt::format("{:06} {}", ++sent, std::string(random() % 80, 'x'))));
                    if (random() % 4 == 0) co_await turns(3);
                    bench.peer.read(random() % 40);
                    take();
                }
                for (const auto& frame : co_await drain(bench)) arrived.push_back(frame.payload);
                std::size_t answersSeen = 0;
                std::string last;
                std::size_t delivered = 0;
                for (const auto& text : arrived)
                {
                    if (text.starts_with("answer"))
                        CHECK(text == fmt::format("answer {}", ++answersSeen));
                    else
                    {
                        CHECK(text.substr(0, 6) > last);
                        last = text.substr(0, 6);
                        ++delivered;
                    }
                }
                CHECK(answersSeen == answers);
                CHECK(delivered + bench.heard.dropped.size() == sent);
            },
            options, {.capacity = 64, .maxBytesPerWrite = 7});
    }
}

TEST_CASE("what was received when reading paused is kept, and handled in order when it goes on")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.heard.whenText = [&](std::string_view text)
            {
                if (text == "wait") bench.connection->pauseReading();
            };
            bench.peer.write(wire::masked(wire::text, "a") + wire::masked(wire::text, "wait") +
                             wire::masked(wire::ping, "p") + wire::masked(wire::text, "b") +
                             wire::masked(wire::text, "c").substr(0, 3));
            co_await turns();
            CHECK(bench.heard.texts == std::vector<std::string>{"a", "wait"});
            CHECK(bench.peer.frames().empty());
            bench.peer.write(wire::masked(wire::text, "c").substr(3) + wire::masked(wire::text, "d"));
            co_await turns();
            bench.connection->pauseReading();
            bench.connection->resumeReading();
            co_await turns();
            CHECK(bench.heard.texts.size() == 2);
            bench.connection->resumeReading();
            co_await turns();
            CHECK(bench.heard.texts == std::vector<std::string>{"a", "wait", "b", "c", "d"});
            CHECK(bench.peer.frames() == Frames{{wire::pong, "p"}});
        },
        serverOptions());
}

TEST_CASE("a connection that is closed while it pauses hears the peer's Close all the same")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->pauseReading();
            bench.peer.write(wire::masked(wire::text, "x") +
                             wire::masked(wire::close, wire::closePayload(1000)));
            co_await turns();
            CHECK_FALSE(bench.reason);
            bench.connection->close({CloseCode::goingAway, "Enough"});
            co_await turns();
            CHECK(bench.reason);
            bench.connection->resumeReading();
        },
        serverOptions());
}

TEST_CASE("a peer that does not take its answers is not read until it does, and then gets every one")
{
    auto options = serverOptions();
    options.maxAnswerBytes = 1'000;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.heard.whenText = [&](std::string_view text)
            { bench.connection->send(std::string(text) + std::string(100, '.')); };
            constexpr std::size_t requests = 500;
            std::size_t answers = 0;
            for (std::size_t number = 0; number < requests; ++number)
                bench.peer.write(wire::masked(wire::text, fmt::format("{}", number)));
            co_await turns();
            // One answer more than the bound, whatever the peer has sent.
            CHECK(bench.heard.texts.size() <= 12);
            CHECK(bench.connection->outbox().answersLeft() <= 1'300);
            for (int round = 0; round < 10'000 && answers < requests; ++round)
            {
                for (const auto& frame : bench.peer.frames())
                    CHECK(frame.payload.starts_with(fmt::format("{}.", answers++)));
                bench.peer.write();
                CHECK(bench.connection->outbox().answersLeft() <= 1'300);
                co_await turns(3);
            }
            CHECK(answers == requests);
        },
        options, {.capacity = 300}, {.capacity = 300});
}

TEST_CASE("a peer that neither takes its answers nor is heard of is closed by its heartbeat")
{
    auto options = serverOptions();
    options.maxAnswerBytes = 100;
    options.heartbeatInterval = 400ms;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->send(std::string(1'000, 'x'));
            co_await bench.pass(3s);
            REQUIRE(bench.reason);
            CHECK(*bench.reason == CloseReason{CloseCode::policyViolation, "Heartbeat timeout"});
        },
        options, narrow);
}
