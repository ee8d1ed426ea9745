#include "support/connection_bench.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

ConnectionOptions serverOptions()
{
    ConnectionOptions options;
    options.closeTimeout = 1s;
    options.outbox = {10'000, 1 << 20};
    return options;
}

// What a peer says in a conversation of some length: fragments, controls between them, and a Close.
std::string conversation()
{
    std::string bytes;
    for (int number = 0; number < 8; ++number)
        bytes += wire::masked(wire::text, fmt::format("request {}", number));
    bytes += wire::masked(wire::text, "in ", false) + wire::masked(wire::ping, "between") +
             wire::masked(wire::continuation, "three ", false) + wire::masked(wire::continuation, "parts");
    bytes += wire::masked(wire::text, "");
    bytes += wire::masked(wire::text, std::string(300, 'l'));
    bytes += wire::masked(wire::close, wire::closePayload(1000, "done"));
    return bytes;
}

void echoWithEvents(ConnectionBench& bench)
{
    bench.heard.whenText = [&bench](std::string_view text)
    {
        bench.connection->send(text);
        bench.connection->sendEvent(SharedFrame::text(fmt::format("event {}", text), "t"));
    };
}

struct Outcome
{
    std::vector<std::string> heard;
    std::vector<std::string> answers;
    std::size_t events = 0;
    std::size_t dropped = 0;
    std::size_t pongs = 0;
    std::optional<unsigned> closeCode;
    std::optional<CloseReason> reason;
};

// Talks until the connection is over, or nothing happens any more.
Strand<Outcome> converse(ConnectionBench& bench)
{
    Outcome outcome;
    bench.peer.write(conversation());
    for (int round = 0; round < 3'000 && !bench.reason; ++round)
    {
        co_await turns(2);
        bench.peer.write();
        for (const auto& frame : bench.peer.frames())
        {
            if (frame.opcode == wire::close)
                outcome.closeCode = wire::closeCode(frame);
            else if (frame.opcode == wire::pong)
                ++outcome.pongs;
            else if (frame.payload.starts_with("event "))
                ++outcome.events;
            else
                outcome.answers.push_back(frame.payload);
        }
        if (round > 2'000) bench.clock.advance(10ms);  // where it was cut, the deadline ends it
    }
    outcome.heard = bench.heard.texts;
    outcome.dropped = bench.heard.dropped.size();
    outcome.reason = bench.reason;
    co_return outcome;
}

}  // namespace

TEST_CASE("however the stream cuts what is said, the conversation is the same")
{
    for (std::size_t piece = 1; piece <= 40; ++piece)
    {
        CAPTURE(piece);
        const MemoryTransportOptions cut{
            .capacity = 100, .maxBytesPerRead = piece, .maxBytesPerWrite = 1 + piece % 7};
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                echoWithEvents(bench);
                const auto outcome = co_await converse(bench);
                REQUIRE(outcome.heard.size() == 11);
                CHECK(outcome.heard[0] == "request 0");
                CHECK(outcome.heard[8] == "in three parts");
                CHECK(outcome.heard[9].empty());
                CHECK(outcome.heard[10] == std::string(300, 'l'));
                CHECK(outcome.answers == outcome.heard);
                CHECK(outcome.events + outcome.dropped == 11);
                CHECK(outcome.pongs == 1);
                CHECK(outcome.closeCode == 1000U);
                REQUIRE(outcome.reason);
                CHECK(*outcome.reason == CloseReason{CloseCode::normal, "done"});
            },
            serverOptions(), cut, {.capacity = 100});
    }
}

TEST_CASE("whichever operation on the stream fails, the connection ends and leaves nothing behind")
{
    bool failedNever = false;
    for (std::size_t failing = 1; failing < 500 && !failedNever; ++failing)
    {
        CAPTURE(failing);
        withConnection(
            [&](ConnectionBench& bench) -> Strand<>
            {
                echoWithEvents(bench);
                const auto outcome = co_await converse(bench);
                REQUIRE(outcome.reason);
                failedNever = outcome.closeCode.has_value() && outcome.answers.size() == 11;
                CHECK(outcome.answers.size() <= outcome.heard.size());
                CHECK(outcome.events + outcome.dropped <= outcome.heard.size());
                if (outcome.heard.size() < 11) CHECK(outcome.reason->code == CloseCode::abnormal);
            },
            serverOptions(),
            {.capacity = 100, .maxBytesPerRead = 30, .maxBytesPerWrite = 40, .failingAttempt = failing},
            {.capacity = 100});
    }
    CHECK(failedNever);
}

TEST_CASE("cancelled at any moment, a connection ends within a few turns and leaves nothing behind")
{
    bool ended = false;
    for (int moment = 0; moment < 300 && !ended; ++moment)
    {
        CAPTURE(moment);
        runStrand(
            [&](asio::io_context& io) -> Strand<>
            {
                ConnectionBench bench(io.get_executor(), serverOptions(),
                                      {.capacity = 60, .maxBytesPerRead = 30, .maxBytesPerWrite = 20},
                                      {.capacity = 100});
                echoWithEvents(bench);
                bench.start();
                bench.peer.write(conversation());
                for (int turn = 0; turn < moment; ++turn)
                {
                    co_await yieldTurn();
                    bench.peer.write();
                    bench.peer.read();
                }
                ended = bench.reason.has_value();
                bench.serving.cancel();
                co_await turns(20);
                CHECK(bench.reason);
                co_await bench.stop();
            });
    }
    CHECK(ended);
}

namespace
{

// As a server does it: the connection lives in the frame, which owns what the strands touch.
Strand<> serveOwning(std::shared_ptr<Shard> shard, const ConnectionOptions& options, Heard& heard,
                     std::unique_ptr<Transport> transport)
{
    PeerConnection connection(*shard, std::move(transport), options, heard);
    heard.whenText = [&](std::string_view text)
    {
        connection.send(text);
        connection.sendEvent(SharedFrame::text(text, "t"));
    };
    co_await connection.run(wire::masked(wire::text, "received before"));
}

}  // namespace

TEST_CASE("an io_context may go at any moment of a conversation, with the connection on it")
{
    std::size_t heardMost = 0;
    for (std::size_t handlers = 0; handlers < 300; ++handlers)
    {
        FakeClock clock;
        const auto options = serverOptions();
        Heard heard;
        {
            asio::io_context io(1);
            auto ends = makeMemoryTransports(io.get_executor(),
                                             {.capacity = 60, .maxBytesPerRead = 30, .maxBytesPerWrite = 20});
            StreamEnd peer{std::move(ends.second), {}, {}, false};
            const auto shard = std::make_shared<Shard>(io.get_executor(), clock, Random::system());
            asio::co_spawn(io.get_executor(), serveOwning(shard, options, heard, std::move(ends.first)),
                           asio::detached);
            asio::co_spawn(io.get_executor(), Shard::sweep(shard), asio::detached);
            peer.write(conversation());
            for (std::size_t handler = 0; handler < handlers && io.poll_one() > 0; ++handler)
                if (handler % 3 == 0) peer.read();
        }
        heardMost = std::max(heardMost, heard.texts.size());
    }
    CHECK(heardMost == 12);
}
