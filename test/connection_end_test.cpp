#include "support/connection_bench.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Frames = std::vector<wire::Frame>;

ConnectionOptions serverOptions()
{
    ConnectionOptions options;
    options.role = Role::server;
    options.closeTimeout = 1s;
    options.protocol.acceptBinary = false;
    return options;
}

void echo(ConnectionBench& bench)
{
    bench.heard.whenText = [&bench](std::string_view text) { bench.connection->send(text); };
}

}  // namespace

TEST_CASE(
    "a server echoes what it is sent, answers the peer's Close with its code, and ends the stream first")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            echo(bench);
            bench.peer.write(wire::masked(wire::text, "one") + wire::masked(wire::text, ""));
            co_await turns();
            CHECK(bench.peer.frames() == Frames{{wire::text, "one"}, {wire::text, ""}});
            bench.peer.write(wire::masked(wire::close, wire::closePayload(1001, "bye")));
            co_await turns();
            CHECK(bench.peer.frames() == Frames{{wire::close, wire::closePayload(1001)}});
            CHECK(bench.peer.ended);
            REQUIRE(bench.reason);
            CHECK(*bench.reason == CloseReason{CloseCode::goingAway, "bye"});
        },
        serverOptions());
}

TEST_CASE("a Close without a code is answered by one without")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.peer.write(wire::masked(wire::close, ""));
            co_await turns();
            CHECK(bench.peer.frames() == Frames{{wire::close, ""}});
            REQUIRE(bench.reason);
            CHECK(bench.reason->code == CloseCode::noStatus);
        },
        serverOptions());
}

TEST_CASE("a server that closes sends what is queued, then its Close, half-closes, and waits for the peer's")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->send("last words");
            bench.connection->sendEvent(SharedFrame::text("event", "t"));
            bench.connection->close({CloseCode::goingAway, "Server shutting down"});
            bench.connection->send("too late");
            bench.connection->sendEvent(SharedFrame::text("too late", "late topic"));
            bench.connection->close({CloseCode::normal, "the first reason counts"});
            co_await turns();
            CHECK(bench.peer.frames() ==
                  Frames{{wire::text, "last words"},
                         {wire::text, "event"},
                         {wire::close, wire::closePayload(1001, "Server shutting down")}});
            CHECK(bench.heard.dropped == std::vector<std::string>{"late topic"});
            CHECK(bench.peer.ended);
            CHECK_FALSE(bench.reason);
            bench.peer.write(wire::masked(wire::text, "not heard any more"));
            co_await turns();
            CHECK(bench.heard.texts.empty());
            CHECK_FALSE(bench.reason);
            bench.peer.write(wire::masked(wire::close, wire::closePayload(1001)));
            co_await turns();
            REQUIRE(bench.reason);
            CHECK(*bench.reason == CloseReason{CloseCode::goingAway, "Server shutting down"});
        },
        serverOptions());
}

TEST_CASE("a peer that ends its direction right behind its Close still gets the Close that answers it")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            echo(bench);
            bench.peer.write(wire::masked(wire::text, "x") +
                             wire::masked(wire::close, wire::closePayload(1000)));
            bench.peer.transport->shutdownWrite();
            co_await turns();
            CHECK(bench.peer.frames() == Frames{{wire::text, "x"}, {wire::close, wire::closePayload(1000)}});
            REQUIRE(bench.reason);
            CHECK(bench.reason->code == CloseCode::normal);
        },
        serverOptions());
}

TEST_CASE("a peer that never answers the Close is left after closeTimeout, and not before")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->close({CloseCode::policyViolation, "Enough"});
            co_await bench.pass(990ms);
            CHECK_FALSE(bench.reason);
            co_await bench.pass(300ms);
            REQUIRE(bench.reason);
            CHECK(*bench.reason == CloseReason{CloseCode::policyViolation, "Enough"});
        },
        serverOptions());
}

TEST_CASE("a peer that takes nothing cannot delay the end of a closing connection")
{
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->send(std::string(5'000, 'x'));
            bench.connection->close({CloseCode::goingAway, "Enough"});
            co_await bench.pass(1300ms);
            REQUIRE(bench.reason);
            CHECK(bench.reason->code == CloseCode::goingAway);
        },
        serverOptions(), {.capacity = 100});
}

TEST_CASE("a peer that talks on and on instead of closing is left at a bound in bytes")
{
    auto options = serverOptions();
    options.maxDiscardedBytes = 10'000;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->close({CloseCode::goingAway, "Enough"});
            co_await turns();
            for (int piece = 0; piece < 20 && !bench.reason; ++piece)
            {
                bench.peer.write(wire::masked(wire::text, std::string(1'000, 'x')));
                co_await turns();
            }
            CHECK(bench.reason);
        },
        options);
}

TEST_CASE("a peer that vanishes, or is reset, is a lost connection: 1006, which no Close ever carried")
{
    for (const bool reset : {false, true})
    {
        CAPTURE(reset);
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                bench.peer.write(wire::masked(wire::text, "x"));
                co_await turns();
                if (reset)
                    bench.peer.transport->close();
                else
                    bench.peer.transport->shutdownWrite();
                co_await turns();
                REQUIRE(bench.reason);
                CHECK(bench.reason->code == CloseCode::abnormal);
            },
            serverOptions());
    }
}

TEST_CASE("a peer that breaks the protocol reads why, and a peer that goes on sending does not lose it")
{
    struct Case
    {
        std::string bytes;
        unsigned code;
    };
    const std::vector<Case> cases = {{wire::unmasked(wire::text, "x"), 1002},
                                     {wire::masked(wire::binary, "x"), 1003},
                                     {wire::masked(wire::text, "\xC0\xAF"), 1007},
                                     {wire::masked(wire::continuation, "x"), 1002},
                                     {wire::masked(3, "x"), 1002},
                                     {wire::masked(wire::close, "\x03"), 1002},
                                     {wire::header(wire::text, 5'000'000, true), 1009}};
    for (const auto& [bytes, code] : cases)
    {
        CAPTURE(code);
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                bench.peer.write(bytes);
                co_await turns();
                bench.peer.write(std::string(10'000, 'x'));
                co_await turns();
                const auto frames = bench.peer.frames();
                REQUIRE(frames.size() == 1);
                CHECK(frames[0].opcode == wire::close);
                CHECK(wire::closeCode(frames[0]) == code);
                CHECK(bench.peer.ended);
                bench.peer.transport->shutdownWrite();
                co_await turns();
                REQUIRE(bench.reason);
                CHECK(static_cast<unsigned>(bench.reason->code) == code);
                CHECK(bench.heard.texts.empty());
            },
            serverOptions());
    }
}

TEST_CASE("a client masks what it sends, and leaves it to the server to end the stream")
{
    auto options = serverOptions();
    options.role = Role::client;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->send("hello");
            co_await turns();
            bench.peer.read();
            REQUIRE(bench.peer.received.size() == 11);
            CHECK((static_cast<unsigned char>(bench.peer.received[1]) & 0x80U) != 0);
            CHECK(bench.peer.frames() == Frames{{wire::text, "hello"}});
            bench.peer.write(wire::unmasked(wire::close, wire::closePayload(1000)));
            co_await turns();
            CHECK(bench.peer.frames() == Frames{{wire::close, wire::closePayload(1000)}});
            CHECK_FALSE(bench.reason);  // RFC 6455, section 7.1.1
            bench.peer.transport->close();
            co_await turns();
            REQUIRE(bench.reason);
            CHECK(bench.reason->code == CloseCode::normal);
        },
        options);
}

TEST_CASE("abandoning, or cancelling, ends a connection at once, whatever it was doing")
{
    for (const bool cancel : {false, true})
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                bench.connection->send(std::string(5'000, 'x'));  // a writer waits
                co_await turns();
                if (cancel)
                    bench.serving.cancel();
                else
                    bench.connection->abandon();
                co_await turns();
                REQUIRE(bench.reason);
                CHECK(bench.reason->code == CloseCode::abnormal);
            },
            serverOptions(), {.capacity = 100});
}

TEST_CASE("a client that is silent for two intervals is closed, after a ping; any traffic keeps it")
{
    auto options = serverOptions();
    options.heartbeatInterval = 400ms;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            for (int answer = 0; answer < 5; ++answer)
            {
                co_await bench.pass(500ms);
                const auto frames = bench.peer.frames();
                REQUIRE(frames.size() == 1);
                CHECK(frames[0].opcode == wire::ping);
                bench.peer.write(wire::masked(wire::pong, frames[0].payload));
                co_await turns();
            }
            co_await bench.pass(790ms);
            CHECK(bench.peer.frames() == Frames{{wire::ping, ""}});
            co_await bench.pass(100ms);
            CHECK(bench.peer.frames() ==
                  Frames{{wire::close, wire::closePayload(1008, "Heartbeat timeout")}});
        },
        options);
}

TEST_CASE("an interval of a few milliseconds does not end a peer that has just been heard")
{
    auto options = serverOptions();
    options.heartbeatInterval = 2ms;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            for (int round = 0; round < 40; ++round)
            {
                bench.peer.write(wire::masked(wire::pong, ""));
                for (int step = 0; step < 3; ++step)
                {
                    bench.clock.advance(1ms);
                    co_await turns(4);
                }
                for (const auto& frame : bench.peer.frames()) CHECK(frame.opcode == wire::ping);
            }
            co_await bench.pass(10ms);
            CHECK(bench.peer.frames().back().opcode == wire::close);
        },
        options);
}

TEST_CASE("time in which the owner does not read does not count against the peer")
{
    auto options = serverOptions();
    options.heartbeatInterval = 400ms;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->pauseReading();
            co_await bench.pass(3s);
            CHECK(bench.peer.frames().empty());
            bench.connection->resumeReading();
            co_await bench.pass(790ms);
            CHECK(bench.peer.frames() == Frames{{wire::ping, ""}});
            co_await bench.pass(100ms);
            CHECK(bench.peer.frames().size() == 1);
        },
        options);
}

TEST_CASE("a deadline is told once, not before its time and within an eighth of the shortest")
{
    auto options = serverOptions();
    options.shortestDeadline = 800ms;
    options.closeTimeout = 10s;
    withConnection(
        [](ConnectionBench& bench) -> Strand<>
        {
            bench.connection->setDeadline(bench.clock.now() + 1s);
            co_await bench.pass(990ms);
            CHECK(bench.heard.deadlines == 0);
            co_await bench.pass(120ms);
            CHECK(bench.heard.deadlines == 1);
            co_await bench.pass(3s);
            CHECK(bench.heard.deadlines == 1);
            bench.connection->setDeadline(bench.clock.now() + 1s);
            bench.connection->clearDeadline();
            co_await bench.pass(3s);
            CHECK(bench.heard.deadlines == 1);
        },
        options);
}
