#include "support/pooled.hpp"
#include "support/served.hpp"
#include "websocket/deflater.hpp"
#include "websocket/inflater.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

constexpr DeflateContext withoutContext{15, false};

WSServerOptions deflating(DeflateOptions deflate = {})
{
    return {.rateLimit = std::nullopt, .deflate = deflate};
}

/// Upgrades with an offer, and gives the server's answer to it.
asio::awaitable<std::string> offer(RawPeer& peer, std::uint16_t port, std::string extensions)
{
    co_await peer.connect(port);
    co_await peer.write("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Extensions: " +
                        extensions + "\r\n\r\n");
    const auto head = co_await peer.responseHead();
    const std::string_view name = "Sec-WebSocket-Extensions: ";
    const auto begin = head.find(name);
    if (begin == std::string::npos) co_return head.substr(0, head.find('\r'));
    co_return head.substr(begin + name.size(), head.find('\r', begin) - begin - name.size());
}

/// A client that takes compressed messages, with its version-negotiation read.
template <typename Server>
asio::awaitable<RawPeer> compressingPeer(Server& served, std::string extensions = "permessage-deflate")
{
    RawPeer peer(served.io);
    const auto answer = co_await offer(peer, served.server.port(), std::move(extensions));
    CHECK(answer.starts_with("permessage-deflate"));
    const auto negotiation = co_await peer.message();
    CHECK(negotiation.at("type") == "version-negotiation");
    co_return peer;
}

/// With a window of no more than this, past which nothing may refer. Byte by byte, since zlib lets pass what
/// refers to no more than it has just given.
std::string inflated(const std::string& payload, std::uint8_t windowBits = withoutContext.windowBits)
{
    Inflater inflater({windowBits, false});
    std::string text;
    for (const auto& byte : std::as_bytes(std::span(payload)))
        CHECK(inflater.inflate(std::span(&byte, 1), text, 1 << 20) == Inflater::Outcome::ok);
    CHECK(inflater.endMessage(text, 1 << 20) == Inflater::Outcome::ok);
    return text;
}

/// As a client sends it.
std::string compressedFrame(std::string_view text)
{
    Deflater deflater(withoutContext, {.minSize = 1});
    const auto bytes = deflater.deflate(std::as_bytes(std::span(text)));
    return wire::masked(0x40U | wire::text, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// An event that repeats itself, further back than a small window reaches.
std::string large(std::string_view id)
{
    std::minstd_rand random(3);
    std::string once;
    for (int count = 0; count < 700; ++count) once += static_cast<char>('a' + random() % 26);
    std::string data;
    for (int count = 0; count < 10; ++count) data += once;
    return request("publish", id, R"("topic":"a","data":")" + data + '"');
}

asio::awaitable<wire::Frame> nextFrame(RawPeer& peer)
{
    auto frame = co_await peer.frame();
    REQUIRE(frame);
    co_return std::move(*frame);
}

asio::awaitable<void> subscribed(RawPeer& peer)
{
    const auto answer = co_await peer.ask(request("subscribe", "s", R"("topics":["a"])"));
    CHECK(brief(answer) == "ack s");
}

}  // namespace

TEST_CASE("an event is compressed once for all who take it so, and comes as it is to the others")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto one = co_await compressingPeer(served);
            auto other = co_await compressingPeer(served);
            auto small = co_await compressingPeer(served, "permessage-deflate; server_max_window_bits=9");
            auto plain = co_await served.peer();
            for (auto* const peer : {&one, &other, &small, &plain}) co_await subscribed(*peer);
            auto speaker = co_await served.peer();
            co_await speaker.send(large("m-1"));

            const auto expected = co_await nextFrame(plain);
            const auto first = co_await nextFrame(one);
            const auto second = co_await nextFrame(other);
            const auto third = co_await nextFrame(small);
            CHECK_FALSE(expected.rsv1);
            CHECK(first.rsv1);
            CHECK(third.rsv1);
            CHECK(first.payload.size() < expected.payload.size() / 5);
            CHECK(first == second);
            CHECK(inflated(first.payload) == expected.payload);
            CHECK(inflated(third.payload, 9) == expected.payload);
        },
        deflating());
}

TEST_CASE("on a pool every shard's subscribers get what is compressed, each as it takes it")
{
    withPool(
        3, {},
        [](Pooled& pooled) -> asio::awaitable<void>
        {
            std::vector<RawPeer> listeners;
            for (int number = 0; number < 9; ++number)
            {
                // Of each kind one on each shard.
                const std::string extensions =
                    number / 3 == 1 ? "permessage-deflate; server_max_window_bits=9" : "permessage-deflate";
                listeners.push_back(number / 3 == 2 ? co_await pooled.peer()
                                                    : co_await compressingPeer(pooled, extensions));
                co_await subscribed(listeners.back());
            }
            std::vector<RawPeer> speakers;
            for (int number = 0; number < 3; ++number) speakers.push_back(co_await pooled.peer());
            constexpr int rounds = 20;
            for (int round = 0; round < rounds; ++round)
                for (auto& speaker : speakers) co_await speaker.send(large(fmt::format("m-{}", round)));
            for (std::size_t event = 0; event < rounds * speakers.size(); ++event)
            {
                const auto expected = co_await nextFrame(listeners.back());
                CHECK_FALSE(expected.rsv1);
                for (std::size_t number = 0; number + 1 < listeners.size(); ++number)
                {
                    const auto frame = co_await nextFrame(listeners[number]);
                    CHECK(frame.rsv1 == (number < 6));
                    CHECK((frame.rsv1 ? inflated(frame.payload, number < 3 ? 15 : 9) : frame.payload) ==
                          expected.payload);
                }
            }
        },
        deflating());
}

TEST_CASE("a small event goes to all as it is")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await compressingPeer(served);
            co_await subscribed(peer);
            auto speaker = co_await served.peer();
            co_await speaker.send(request("publish", "m-1", R"("topic":"a","data":1)"));
            const auto frame = co_await nextFrame(peer);
            CHECK_FALSE(frame.rsv1);
        },
        deflating());
}

TEST_CASE("what a client compresses is taken, also in fragments, and answered")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await compressingPeer(served);
            co_await peer.write(compressedFrame(large("m-1")) + compressedFrame(large("m-2")));
            for (const char* const id : {"ack m-1", "ack m-2"})
            {
                const auto answer = co_await peer.message();
                CHECK(brief(answer) == id);
            }
            const auto end = co_await peer.leave();
            CHECK(end == "1000");
        },
        deflating());
}

TEST_CASE("a bomb ends its sender's connection with 1009, and nobody else's")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto witness = co_await served.peer();
            auto peer = co_await compressingPeer(served);
            co_await peer.write(compressedFrame(std::string(64 * 1024 * 1024, ' ')));
            const auto end = co_await peer.closed();
            CHECK(end == "1009 Message too large");
            const auto pong = co_await witness.ask(request("ping", "p"));
            CHECK(brief(pong) == "pong p");
        },
        deflating());
}

TEST_CASE("compression is off unless a server is told otherwise")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer peer(served.io);
                   const auto answer = co_await offer(peer, served.server.port(), "permessage-deflate");
                   CHECK(answer == "HTTP/1.1 101 Switching Protocols");
                   co_await peer.write(compressedFrame(large("m-1")));
                   const auto end = co_await peer.closed();
                   CHECK(end == "1002 Reserved bits without an extension");
               });
}

TEST_CASE("an offer that breaks the grammar is answered with 400, and one that cannot be with none")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            RawPeer broken(served.io);
            const auto refusal = co_await offer(broken, served.server.port(), "permessage-deflate; =");
            CHECK(refusal == "HTTP/1.1 400 Bad Request");
            RawPeer odd(served.io);
            const auto answer = co_await offer(odd, served.server.port(), "permessage-deflate; odd");
            CHECK(answer == "HTTP/1.1 101 Switching Protocols");
        },
        deflating());
}

TEST_CASE("a client and a server of ours understand each other, whatever each compresses")
{
    const std::vector<std::optional<DeflateOptions>> choices = {
        std::nullopt, DeflateOptions{}, DeflateOptions{.minSize = 0, .contextTakeover = true},
        DeflateOptions{.minSize = 1, .maxWindowBits = 8},
        DeflateOptions{.minSize = 1, .level = 1, .contextTakeover = true, .maxWindowBits = 9}};
    for (const auto& ofServer : choices)
        for (const auto& ofClient : choices)
            withRouter({},
                       [&](Served& served) -> asio::awaitable<void>
                       {
                           const auto url = fmt::format("ws://127.0.0.1:{}", served.server.port());
                           WSClient client(served.io, {.url = url, .deflate = ofClient});
                           co_await client.connect();
                           auto events = co_await client.subscribe("a.#");
                           for (int number = 1; number <= 20; ++number)
                           {
                               const auto text =
                                   fmt::format("{}", fmt::join(std::vector<int>(100, number), "-"));
                               co_await client.publish("a.b", text, Broadcast::yes);
                               const auto delivery = co_await events.next();
                               REQUIRE(delivery);
                               const auto& event = std::get<EventMessage>(*delivery);
                               CHECK(event.data->value().as_string() == text);
                           }
                           co_await client.disconnect();
                       },
                       {.rateLimit = std::nullopt, .deflate = ofServer});
}
