#include "server/accept_pace.hpp"
#include "server/address_places.hpp"
#include "support/fake_clock.hpp"
#include "support/served.hpp"

#include <strandcast/shard_pool.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// Everything that is ready has had its turn, many times over.
asio::awaitable<void> manyTurns(asio::io_context& io)
{
    for (int turn = 0; turn < 500; ++turn) co_await asio::post(io, asio::use_awaitable);
}

/// What a connection is told that is turned away.
asio::awaitable<std::string> refusalOf(Served& served, std::string from)
{
    RawPeer peer(served.io);
    co_await peer.connectTo(served.server.addresses().at(0), std::move(from));
    co_return co_await peer.rest();
}

/// Whether a peer from there becomes a client, once whoever has left is noticed.
asio::awaitable<bool> getsIn(Served& served, std::string from)
{
    for (int attempt = 0; attempt < 1'000; ++attempt)
    {
        RawPeer peer(served.io);
        try
        {
            co_await peer.joinAt(served.server.addresses().at(0), from);
        }
        catch (const std::exception&)
        {
            continue;
        }
        co_await peer.leave();
        co_return true;
    }
    co_return false;
}

const auto refused = [](const std::string& answer)
{
    return answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n") &&
           answer.ends_with("\r\n\r\nToo many connections from this address\n");
};

std::string nested(std::size_t depth)
{
    // The message itself is one level.
    return request("ping", "deep",
                   fmt::format(R"("pad":{}{})", std::string(depth - 1, '['), std::string(depth - 1, ']')));
}

}  // namespace

TEST_CASE("an address has as many connections as it may, and what is over it gets 429 and is told of")
{
    withServer({.maxConnectionsPerAddress = 2},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto events = served.server.events<Refused>();
                   const auto address = served.server.addresses().at(0);
                   std::optional<RawPeer> client(std::in_place, served.io);
                   co_await client->joinAt(address, "127.0.0.1");
                   // One that is no client yet counts as well.
                   RawPeer halfOpen(served.io);
                   co_await halfOpen.connectTo(address, "127.0.0.1");
                   co_await halfOpen.write("GET / HTTP/1.1\r\n");
                   for (int attempt = 0; attempt < 3; ++attempt)
                   {
                       const auto answer = co_await refusalOf(served, "127.0.0.1");
                       CHECK(refused(answer));
                       const auto event = co_await events.next();
                       REQUIRE(event);
                       CHECK(event->peerAddress.starts_with("127.0.0.1:"));
                       CHECK(event->reason == "Too many connections from this address");
                   }
                   const bool neighbour = co_await getsIn(served, "127.0.0.2");
                   CHECK(neighbour);
                   const auto pong = co_await client->ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
                   client.reset();
                   const bool again = co_await getsIn(served, "127.0.0.1");
                   CHECK(again);
               });
}

TEST_CASE("an address' connections are counted over all shards of a pool, and turned away where they come")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            const ShardPool pool(3);
            WSServer server(pool, onFreePort({.maxConnectionsPerAddress = 4}));
            co_await server.start();
            const auto address = server.addresses().at(0);
            for (int round = 0; round < 10; ++round)
            {
                std::vector<RawPeer> peers;
                for (int number = 0; number < 4; ++number)
                {
                    peers.emplace_back(io);
                    co_await peers.back().joinAt(address, fmt::format("127.0.1.{}", round + 1));
                }
                for (int number = 0; number < 10; ++number)
                {
                    RawPeer peer(io);
                    co_await peer.connectTo(address, fmt::format("127.0.1.{}", round + 1));
                    const auto answer = co_await peer.rest();
                    CHECK(refused(answer));
                }
                for (auto& peer : peers)
                {
                    const auto pong = co_await peer.ask(request("ping", "p"));
                    CHECK(brief(pong) == "pong p");
                }
            }
            co_await server.shutdown();
        });
}

TEST_CASE("who is turned away reads why, also where its request was there before the answer")
{
    withServer({.maxConnectionsPerAddress = 0},
               [](Served& served) -> asio::awaitable<void>
               {
                   for (int attempt = 0; attempt < 20; ++attempt)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connectTo(served.server.addresses().at(0));
                       std::string why;
                       try
                       {
                           co_await peer.upgrade();
                       }
                       catch (const std::exception& failure)
                       {
                           why = failure.what();
                       }
                       CHECK(why.find("429 Too Many Requests") != std::string::npos);
                   }
               });
}

TEST_CASE("only addresses that have a connection are remembered, an IPv6 network of 64 bits as one")
{
    const auto places = std::make_shared<AddressPlaces>(2);
    const auto take = [&](const char* address)
    { return AddressPlaces::take(places, asio::ip::make_address(address)); };
    {
        const auto one = take("192.0.2.1");
        const auto two = take("192.0.2.1");
        CHECK((one && two));
        CHECK_FALSE(take("192.0.2.1"));
        CHECK_FALSE(take("::ffff:192.0.2.1"));
        CHECK(take("192.0.2.2"));
        const auto six = take("2001:db8::1");
        const auto seven = take("2001:db8::ffff:1:2:3");
        CHECK((six && seven));
        CHECK_FALSE(take("2001:db8:0:0:9::"));
        CHECK(take("2001:db8:0:1::1"));
        CHECK(places->size() == 2);
    }
    CHECK(places->size() == 0);
    CHECK(take("192.0.2.1"));
    for (int number = 0; number < 1'000; ++number)
        CHECK(take(fmt::format("10.0.{}.{}", number / 250, number % 250).c_str()));
    CHECK(places->size() == 0);
}

TEST_CASE("a burst of a second's connections is let in at once, and what is over it waits for its time")
{
    FakeClock clock;
    withServer({.heartbeatInterval = 0ms, .maxAcceptsPerSecond = 5, .clock = &clock},
               [&](Served& served) -> asio::awaitable<void>
               {
                   std::vector<RawPeer> peers;
                   for (int number = 0; number < 5; ++number) peers.push_back(co_await served.peer());
                   auto late = std::make_shared<int>(0);
                   for (int number = 0; number < 2; ++number)
                       asio::co_spawn(
                           served.io,
                           [](Served& server, std::shared_ptr<int> count) -> asio::awaitable<void>
                           {
                               const auto peer = co_await server.peer();
                               ++*count;
                           }(served, late),
                           asio::detached);
                   co_await manyTurns(served.io);
                   CHECK(*late == 0);
                   clock.advance(199ms);
                   co_await manyTurns(served.io);
                   CHECK(*late == 0);
                   clock.advance(1ms);
                   co_await manyTurns(served.io);
                   CHECK(*late == 1);
                   clock.advance(200ms);
                   co_await manyTurns(served.io);
                   CHECK(*late == 2);
                   // After a rest there is a burst again, and no more than one.
                   clock.advance(1h);
                   for (int number = 0; number < 5; ++number) peers.push_back(co_await served.peer());
                   const auto pong = co_await peers.front().ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE("a shutdown does not wait for a connection's time to be let in")
{
    FakeClock clock;
    withServer({.heartbeatInterval = 0ms, .closeTimeout = 0ms, .maxAcceptsPerSecond = 1, .clock = &clock},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto first = co_await served.peer();
                   RawPeer waiting(served.io);
                   co_await waiting.connect(served.server.port());
                   co_await manyTurns(served.io);
               });
}

TEST_CASE("without a limit the pace is none, and the slowest is one a second")
{
    const Clock::time_point now(1'000h);
    AcceptPace unlimited(std::nullopt);
    AcceptPace slowest(std::size_t{0});
    AcceptPace fastest(static_cast<std::size_t>(-1));
    CHECK_FALSE(unlimited.isLimited());
    CHECK(slowest.isLimited());
    CHECK(slowest.next() <= now);
    slowest.took(now);
    CHECK(slowest.next() == now + 1s);
    fastest.took(now);
    CHECK(fastest.next() <= now);
}

TEST_CASE("where clients must authenticate those who have not are bounded, and who has makes room")
{
    const auto hook = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    { co_return true; };
    withServer({.authenticate = hook, .maxHandshakes = 2},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto first = co_await served.peer();
                   const auto second = co_await served.peer();
                   auto in = std::make_shared<bool>(false);
                   asio::co_spawn(
                       served.io,
                       [](Served& server, std::shared_ptr<bool> done) -> asio::awaitable<void>
                       {
                           const auto third = co_await server.peer();
                           *done = true;
                       }(served, in),
                       asio::detached);
                   co_await manyTurns(served.io);
                   CHECK_FALSE(*in);
                   const auto ack = co_await first.ask(request("auth", "a", R"("token":"t")"));
                   CHECK(brief(ack) == "ack a");
                   co_await manyTurns(served.io);
                   CHECK(*in);
                   // A later login gives nothing back twice.
                   const auto again = co_await first.ask(request("auth", "b", R"("token":"t")"));
                   CHECK(brief(again) == "ack b");
               });
}

TEST_CASE("a client too many is told of to who listens")
{
    withServer({.maxConnections = 1},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto events = served.server.events<Refused>();
                   const auto client = co_await served.peer();
                   RawPeer other(served.io);
                   co_await other.connect(served.server.port());
                   co_await other.upgrade();
                   const auto event = co_await events.next();
                   REQUIRE(event);
                   CHECK(event->reason == "Max connections reached");
                   CHECK(event->peerAddress.starts_with("127.0.0.1:"));
               });
}

TEST_CASE("who asks in time is a client, just before the handshake's time is over")
{
    FakeClock clock;
    withServer({.handshakeTimeout = 10s, .heartbeatInterval = 0ms, .clock = &clock},
               [&](Served& served) -> asio::awaitable<void>
               {
                   RawPeer inTime(served.io);
                   RawPeer late(served.io);
                   co_await inTime.connect(served.server.port());
                   co_await late.connect(served.server.port());
                   co_await inTime.write("GET / HTTP/1.1\r\n");
                   co_await manyTurns(served.io);
                   clock.advance(9'999ms);
                   co_await inTime.write(
                       "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
                   const auto head = co_await inTime.responseHead();
                   CHECK(head.starts_with("HTTP/1.1 101 "));
                   clock.advance(1ms);
                   const auto nothing = co_await late.rest();
                   CHECK(nothing.empty());
                   co_await inTime.message();
                   const auto pong = co_await inTime.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE("the request's line, its headers and all of it have limits: at them it passes, over them not")
{
    const std::string fixed = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const auto withLine = [&](std::size_t size)
    { return "GET /" + std::string(size - 14, 'a') + " HTTP/1.1\r\n" + fixed + "\r\n"; };
    const auto withCount = [&](std::size_t count)
    {
        std::string more;
        for (auto number = count - 5; number > 0; --number) more += "X: y\r\n";
        return "GET / HTTP/1.1\r\n" + fixed + more + "\r\n";
    };
    const auto ofSize = [&](std::size_t size)
    {
        const auto begin = "GET / HTTP/1.1\r\n" + fixed + "X: ";
        return begin + std::string(size - begin.size() - 4, 'y') + "\r\n\r\n";
    };
    withServer({.maxRequestLineSize = 200, .maxHeaderCount = 20, .maxHeaderSize = 1'000},
               [&](Served& served) -> asio::awaitable<void>
               {
                   const std::vector<std::pair<std::string, std::string>> cases = {
                       {withLine(200), "101"}, {withLine(203), "414"}, {withCount(20), "101"},
                       {withCount(21), "431"}, {ofSize(1'000), "101"}, {ofSize(1'001), "431"}};
                   for (const auto& [bytes, status] : cases)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       co_await peer.write(bytes);
                       const auto head = co_await peer.responseHead();
                       CAPTURE(bytes);
                       CHECK(head.substr(9, 3) == status);
                   }
               });
}

TEST_CASE("JSON nests as deep as the server's limit says and no deeper")
{
    withServer({.maxJsonDepth = 10},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const auto passes = co_await peer.ask(nested(10));
                   CHECK(brief(passes) == "pong deep");
                   const auto fails = co_await peer.ask(nested(11));
                   CHECK(brief(fails) == "error deep INVALID_MESSAGE");
                   const auto still = co_await peer.ask(nested(10));
                   CHECK(brief(still) == "pong deep");
               });
}

TEST_CASE("a message comes in as many frames as the server's limit says, and one more ends with 1009")
{
    const auto inFrames = [](std::size_t count)
    {
        const auto text = request("ping", "p");
        auto bytes = wire::masked(wire::text, text.substr(0, 1), false);
        for (std::size_t number = 2; number < count; ++number)
            bytes += wire::masked(wire::continuation, "", false);
        return bytes + wire::masked(wire::continuation, text.substr(1));
    };
    withServer({.maxFramesPerMessage = 20},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   co_await peer.write(inFrames(20));
                   const auto pong = co_await peer.message();
                   CHECK(brief(pong) == "pong p");
                   co_await peer.write(inFrames(21));
                   const auto end = co_await peer.closed();
                   CHECK(end == "1009 Too many fragments");
               });
}
