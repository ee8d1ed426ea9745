#include "router/subscriber.hpp"
#include "server/guest.hpp"
#include "support/descriptors.hpp"
#include "support/fake_clock.hpp"
#include "support/served.hpp"
#include "transport/stream.hpp"
#include "websocket/protocol.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

// UBSan looks at memory through a pipe, and takes it for broken where there is no descriptor for one.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool isSanitized = true;
#elif defined(__has_feature)
constexpr bool isSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||
                             __has_feature(undefined_behavior_sanitizer);
#else
constexpr bool isSanitized = false;
#endif

const std::string upgradeRequest =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// All that a client says from its first byte to its last.
std::string wholeLife()
{
    return upgradeRequest + wire::masked(wire::text, request("subscribe", "s", R"("topics":["t"])")) +
           wire::masked(wire::text, request("publish", "p", R"("topic":"t","data":1)")) +
           wire::masked(wire::ping, "are you there") +
           wire::masked(wire::close, wire::closePayload(1000, ""));
}

asio::awaitable<void> turns(asio::io_context& io, int count)
{
    for (int turn = 0; turn < count; ++turn) co_await asio::post(io, asio::use_awaitable);
}

/// Ends when the server has noticed that everybody has gone.
asio::awaitable<bool> isAlone(Served& served, std::size_t descriptors)
{
    for (int attempt = 0; attempt < 1'000; ++attempt)
    {
        const auto clients = co_await served.server.getConnectedClients();
        if (clients.empty() && openDescriptors() <= descriptors) co_return true;
        co_await turns(served.io, 10);
    }
    co_return false;
}

/// One visit, which ends in one of the ways in which visits end.
asio::awaitable<void> visit(Served& served, int kind)
{
    RawPeer peer(served.io);
    co_await peer.connect(served.server.port());
    switch (kind % 6)
    {
    case 0: co_return peer.close();
    case 1: co_return peer.reset();
    case 2: co_await peer.write(upgradeRequest.substr(0, 50)); co_return peer.reset();
    case 3: co_await peer.upgrade(); co_return peer.reset();
    case 4:
        co_await peer.upgrade();
        co_await peer.message();
        co_await peer.ask(request("subscribe", "s", R"("topics":["t"])"));
        co_return peer.close();
    default:
        co_await peer.upgrade();
        co_await peer.message();
        const auto end = co_await peer.leave();
        CHECK(end == "1000");
    }
}

}  // namespace

TEST_CASE("with no descriptor left accepting pauses, those who are here notice nothing, and it goes on" *
          doctest::skip(isSanitized))
{
    FakeClock clock;
    withServer({.heartbeatInterval = 0ms, .clock = &clock},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto client = co_await served.peer();
                   auto errors = served.server.events<ServerError>();
                   const DescriptorLimit limit(openDescriptors() + 30);
                   DescriptorHoard hoard;
                   RawPeer waiting(served.io);
                   hoard.release();
                   co_await waiting.connect(served.server.port());
                   co_await waiting.write(upgradeRequest);
                   // Time and again, ever more rarely, and never in a circle that stands still.
                   for (int failure = 0; failure < 10; ++failure)
                   {
                       const auto error = co_await errors.next();
                       REQUIRE(error);
                       CHECK(error->what.find("cannot accept a connection") != std::string::npos);
                       const auto pong = co_await client.ask(request("ping", "p"));
                       CHECK(brief(pong) == "pong p");
                       co_await turns(served.io, 50);
                       CHECK(clock.armed() > 0);
                       clock.advance(1s);
                   }
                   hoard.release();
                   auto head = std::make_shared<std::string>();
                   asio::co_spawn(
                       served.io,
                       [](RawPeer& peer, std::shared_ptr<std::string> answer) -> asio::awaitable<void>
                       { *answer = co_await peer.responseHead(); }(waiting, head), asio::detached);
                   for (int attempt = 0; attempt < 100 && head->empty(); ++attempt)
                   {
                       clock.advance(1s);
                       co_await turns(served.io, 20);
                   }
                   CHECK(head->starts_with("HTTP/1.1 101 "));
                   hoard.release();
                   hoard.release();
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("a reset at any byte of a connection's life leaves nothing behind")
{
    const auto life = wholeLife();
    withRouter({},
               [&](Served& served) -> asio::awaitable<void>
               {
                   const bool before = co_await served.serves();
                   CHECK(before);
                   const bool aloneBefore = co_await isAlone(served, openDescriptors());
                   CHECK(aloneBefore);
                   const auto descriptors = openDescriptors();
                   for (std::size_t cut = 0; cut <= life.size(); ++cut)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       if (cut > 0) co_await peer.write(life.substr(0, cut));
                       // At once, and when the server has read it.
                       if (cut % 2 == 0) co_await turns(served.io, 8);
                       peer.reset();
                   }
                   const bool alone = co_await isAlone(served, descriptors);
                   CHECK(alone);
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("a hundred handshakes that trickle side by side, a byte of each in turn, all become clients")
{
    withServer({.maxHandshakes = 100},
               [](Served& served) -> asio::awaitable<void>
               {
                   std::vector<RawPeer> peers;
                   for (int number = 0; number < 100; ++number)
                   {
                       peers.emplace_back(served.io);
                       co_await peers.back().connect(served.server.port());
                   }
                   for (const char byte : upgradeRequest)
                       for (auto& peer : peers) co_await peer.write(std::string(1, byte));
                   for (auto& peer : peers)
                   {
                       const auto head = co_await peer.responseHead();
                       CHECK(head.starts_with("HTTP/1.1 101 "));
                   }
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("a peer that ends its direction anywhere in its handshake is let go of")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const bool before = co_await served.serves();
                   CHECK(before);
                   const auto descriptors = openDescriptors();
                   for (std::size_t cut = 0; cut < upgradeRequest.size(); cut += 3)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       if (cut > 0) co_await peer.write(upgradeRequest.substr(0, cut));
                       peer.halfClose();
                       const auto nothing = co_await peer.rest();
                       CHECK(nothing.empty());
                   }
                   const bool alone = co_await isAlone(served, descriptors);
                   CHECK(alone);
               });
}

TEST_CASE("what an idle client is made of does not grow unseen")
{
    // malloc adds 8 bytes to each piece and rounds up to 16.
    CHECK(sizeof(Guest) <= 472);
    CHECK(sizeof(Protocol) <= 80);
    CHECK(sizeof(StreamTransport) <= 56);
    CHECK(sizeof(Subscriber) <= 72);
}

TEST_CASE("ten thousand visits in a row let neither descriptors nor memory grow")
{
    WSServerOptions options{.rateLimit = std::nullopt};
    options.maxConnectionsPerAddress = 1'000;
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            const auto round = [&](int visits) -> asio::awaitable<void>
            {
                for (int number = 0; number < visits; ++number) co_await visit(served, number);
            };
            co_await round(300);
            const bool warm = co_await isAlone(served, openDescriptors());
            CHECK(warm);
            co_await turns(served.io, 100);
            const auto idle = openDescriptors();
            const auto memory = allocatedBytes();
            co_await round(10'000);
            const bool alone = co_await isAlone(served, idle);
            CHECK(alone);
            CHECK(openDescriptors() <= idle);
            // Ten bytes of each would be 100 thousand.
            CHECK(allocatedBytes() <= memory + 64 * 1024);
        },
        options);
}
