#include "coro/hop.hpp"
#include "support/descriptors.hpp"
#include "support/outcome.hpp"
#include "support/pooled.hpp"
#include "support/served.hpp"
#include "support/streams.hpp"
#include "support/tls_pair.hpp"
#include "transport/tcp.hpp"

#include <strandcast/error.hpp>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

WSServerOptions secureOptions(TlsServerOptions tls = commonTlsServer())
{
    WSServerOptions options;
    options.tls = std::move(tls);
    return options;
}

/// A client of TLS that knows nothing more of the server's library than its transport.
struct SecurePeer
{
    std::unique_ptr<Transport> stream;
    Transport* below = nullptr;
    std::string received = {};
};

Strand<SecurePeer> connectSecurely(std::uint16_t port, TlsClientOptions options = commonTlsClient(),
                                   std::string host = "localhost")
{
    auto tcp = co_await connectTcp("127.0.0.1", port);
    auto* const below = tcp.get();
    const TlsClientContext context(options);
    co_return SecurePeer{context.secure(co_await asio::this_coro::executor, std::move(tcp), host), below};
}

Strand<> join(SecurePeer& peer)
{
    co_await writeAll(*peer.stream,
                      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      "Sec-WebSocket-Version: 13\r\n\r\n");
    while (peer.received.find("version-negotiation") == std::string::npos)
    {
        const auto read = co_await readUntil(*peer.stream, 1);
        REQUIRE(!read.bytes.empty());
        peer.received += read.bytes;
    }
    CHECK(peer.received.starts_with("HTTP/1.1 101 "));
}

asio::awaitable<SecurePeer> joined(asio::io_context& io, std::uint16_t port, std::string host = "localhost")
{
    auto peer = co_await hop(io.get_executor(), connectSecurely(port, commonTlsClient(), std::move(host)));
    co_await hop(io.get_executor(), join(peer));
    co_return peer;
}

asio::awaitable<bool> serves(Served& served)
{
    const auto peer = co_await joined(served.io, served.server.port());
    co_return true;
}

/// Ends when the server has noticed that everybody has gone.
asio::awaitable<bool> isAlone(Served& served, std::size_t descriptors)
{
    for (int attempt = 0; attempt < 10'000; ++attempt)
    {
        const auto clients = co_await served.server.getConnectedClients();
        if (clients.empty() && openDescriptors() <= descriptors) co_return true;
        co_await asio::post(served.io, asio::use_awaitable);
    }
    co_return false;
}

/// One visit, which ends as visits end: at once, in its handshake, or after the upgrade with TLS's goodbye or
/// without.
asio::awaitable<void> visit(Served& served, int kind)
{
    const auto executor = served.io.get_executor();
    if (kind % 4 == 0)
    {
        RawPeer peer(served.io);
        co_await peer.connect(served.server.port());
        co_return peer.reset();
    }
    auto peer = co_await hop(executor, connectSecurely(served.server.port()));
    if (kind % 4 == 1)
    {
        static_cast<void>(write(*peer.stream, "G"));
        co_return;
    }
    co_await hop(executor, join(peer));
    if (kind % 4 == 2) peer.below->close();
}

}  // namespace

TEST_CASE("a server with a certificate serves wss")
{
    withServer(secureOptions(),
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await joined(served.io, served.server.port());
                   co_await hop(served.io.get_executor(),
                                writeAll(*peer.stream, wire::masked(wire::close, wire::closePayload(1000))));
                   const auto rest = co_await hop(served.io.get_executor(), readUntil(*peer.stream, 100));
                   CHECK(rest.bytes.ends_with(wire::closePayload(1000)));
                   CHECK(rest.last.outcome == Transfer::Outcome::end);  // signed
               });
}

TEST_CASE("over TLS an address' connection too many just ends, without a handshake")
{
    auto options = secureOptions();
    options.maxConnectionsPerAddress = 1;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto refused = served.server.events<Refused>();
                   const auto client = co_await joined(served.io, served.server.port());
                   RawPeer another(served.io);
                   co_await another.connect(served.server.port());
                   const auto nothing = co_await another.rest();
                   CHECK(nothing.empty());
                   const auto event = co_await refused.next();
                   CHECK(event);
               });
}

TEST_CASE("every shard of a pool serves wss")
{
    auto options = secureOptions();
    options.rateLimit.reset();
    withPool(
        3, {},
        [](Pooled& pooled) -> asio::awaitable<void>
        {
            std::vector<SecurePeer> peers;
            for (int count = 0; count < 6; ++count)
                peers.push_back(co_await joined(pooled.io, pooled.server.port()));
            const auto clients = co_await pooled.server.getConnectedClients();
            CHECK(clients.size() == 6);
        },
        options);
}

TEST_CASE("certificates may be read again while every shard shakes hands")
{
    auto options = secureOptions();
    options.rateLimit.reset();
    withPool(
        3, {},
        [](Pooled& pooled) -> asio::awaitable<void>
        {
            std::atomic<bool> isOver = false;
            std::jthread reloading(
                [&]
                {
                    while (!isOver) pooled.server.reloadCertificates();
                });
            std::vector<SecurePeer> peers;
            for (int count = 0; count < 30; ++count)
                peers.push_back(co_await joined(pooled.io, pooled.server.port()));
            isOver = true;
            reloading.join();
            const auto clients = co_await pooled.server.getConnectedClients();
            CHECK(clients.size() == 30);
        },
        options);
}

TEST_CASE("a connection that ends without close_notify is lost, and so is one that ends with it and no Close")
{
    for (const bool isSigned : {false, true})
    {
        CAPTURE(isSigned);
        withServer(secureOptions(),
                   [&](Served& served) -> asio::awaitable<void>
                   {
                       auto gone = served.server.events<Disconnect>();
                       auto peer = co_await joined(served.io, served.server.port());
                       if (isSigned)
                           peer.stream->close();
                       else
                           peer.below->close();
                       const auto told = co_await gone.next();
                       REQUIRE(told);
                       CHECK(told->reason.code == CloseCode::abnormal);
                   });
    }
}

TEST_CASE("a slow TLS handshake holds up nobody, and ends with the handshake's time")
{
    auto options = secureOptions();
    options.handshakeTimeout = 300ms;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer silent(served.io);
                   co_await silent.connect(served.server.port());
                   RawPeer slow(served.io);
                   co_await slow.connect(served.server.port());
                   co_await slow.write(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11));
                   const auto began = std::chrono::steady_clock::now();
                   const bool isServed = co_await serves(served);
                   CHECK(isServed);
                   const auto nothing = co_await slow.rest();
                   CHECK(nothing.empty());
                   const auto nothingAtAll = co_await silent.rest();
                   CHECK(nothingAtAll.empty());
                   CHECK(std::chrono::steady_clock::now() - began < 10s);
               });
}

TEST_CASE("TLS handshakes under way are bounded like all connections that are no clients yet")
{
    auto options = secureOptions();
    options.handshakeTimeout = 200ms;
    options.maxHandshakes = 2;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto began = std::chrono::steady_clock::now();
                   std::vector<RawPeer> halfOpen;
                   for (int number = 0; number < 2; ++number)
                   {
                       halfOpen.emplace_back(served.io);
                       co_await halfOpen.back().connect(served.server.port());
                       co_await halfOpen.back().write("\x16\x03\x01");
                   }
                   const bool isServed = co_await serves(served);
                   CHECK(isServed);
                   CHECK(std::chrono::steady_clock::now() - began >= 150ms);
               });
}

TEST_CASE("who speaks HTTP to a server of TLS is told in HTTP what is expected")
{
    withServer(secureOptions(),
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer plain(served.io);
                   co_await plain.connect(served.server.port());
                   co_await plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                   const auto answer = co_await plain.rest();
                   CHECK(answer.starts_with("HTTP/1.1 400 TLS is spoken here: wss is expected\r\n"));
                   plain.close();
                   const bool isServed = co_await serves(served);
                   CHECK(isServed);
               });
}

TEST_CASE("garbage instead of a ClientHello gets an alert and an end, and the others are served")
{
    withServer(secureOptions(),
               [](Served& served) -> asio::awaitable<void>
               {
                   for (const std::string& garbage : {std::string("\x16\x03\x01\x00\x05garbage", 12),
                                                      std::string("SSH-2.0-OpenSSH_9.2\r\n"),
                                                      std::string(100'000, 'x'), std::string(100, '\0')})
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       co_await peer.write(garbage);
                       const auto answer = co_await peer.rest();
                       CHECK((answer.empty() || answer.starts_with("\x15\x03")));
                       peer.close();
                   }
                   const bool isServed = co_await serves(served);
                   CHECK(isServed);
               });
}

TEST_CASE("handshakes that are cut anywhere leave nothing behind")
{
    withServer(secureOptions(),
               [](Served& served) -> asio::awaitable<void>
               {
                   // Parts of a client's first bytes, as its own stream below would send them.
                   auto ends = makeMemoryTransports(served.io.get_executor());
                   const auto client =
                       TlsClientContext(commonTlsClient())
                           .secure(served.io.get_executor(), std::move(ends.first), "localhost");
                   static_cast<void>(write(*client, "x"));
                   const auto hello = co_await hop(served.io.get_executor(), readUntil(*ends.second, 1));
                   const bool before = co_await serves(served);
                   CHECK(before);
                   const bool aloneBefore = co_await isAlone(served, openDescriptors());
                   CHECK(aloneBefore);
                   const auto descriptors = openDescriptors();
                   for (std::size_t size = 1; size < hello.bytes.size(); size += 29)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       co_await peer.write(hello.bytes.substr(0, size));
                       if (size % 2 == 0)
                           peer.reset();
                       else
                           peer.close();
                   }
                   const bool isServed = co_await serves(served);
                   CHECK(isServed);
                   const bool alone = co_await isAlone(served, descriptors);
                   CHECK(alone);
               });
}

TEST_CASE("five hundred visits over TLS let neither descriptors nor memory grow")
{
    withServer(secureOptions(),
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto round = [&](int visits) -> asio::awaitable<void>
                   {
                       for (int number = 0; number < visits; ++number) co_await visit(served, number);
                   };
                   co_await round(100);
                   const bool warm = co_await isAlone(served, openDescriptors());
                   CHECK(warm);
                   const auto idle = openDescriptors();
                   const auto memory = allocatedBytes();
                   co_await round(500);
                   const bool alone = co_await isAlone(served, idle);
                   CHECK(alone);
                   // What OpenSSL holds of one connection is 10 KiB, and of a session a KiB.
                   CHECK(allocatedBytes() <= memory + 64 * 1024);
               });
}

TEST_CASE("certificates are read again without the loss of a connection")
{
    const Certificates authority;
    const auto files = authority.issue("server", "DNS:localhost");
    withServer(secureOptions({.certificates = {files}}),
               [&](Served& served) -> asio::awaitable<void>
               {
                   const auto connect = [&](std::string host)
                   {
                       return hop(served.io.get_executor(),
                                  connectSecurely(served.server.port(), {.caFile = authority.caFile()},
                                                  std::move(host)));
                   };
                   auto early = co_await connect("localhost");
                   co_await hop(served.io.get_executor(), join(early));
                   static_cast<void>(authority.issue("server", "DNS:renamed.example"));
                   served.server.reloadCertificates();
                   auto late = co_await connect("renamed.example");
                   co_await hop(served.io.get_executor(), join(late));
                   const auto clients = co_await served.server.getConnectedClients();
                   CHECK(clients.size() == 2);
                   static_cast<void>(authority.write("server.key", "no key"));
                   CHECK_THROWS_WITH_AS(served.server.reloadCertificates(),
                                        ("cannot use private key file '" + files.privateKeyFile +
                                         "': a private key in PEM is expected")
                                            .c_str(),
                                        Error);
                   auto last = co_await connect("renamed.example");
                   co_await hop(served.io.get_executor(), join(last));
               });
}

TEST_CASE("a server without TLS has no certificates to read again, and one with a bad file is none")
{
    asio::io_context io(1);
    WSServer plain(io, {.port = 0});
    plain.reloadCertificates();
    CHECK_THROWS_WITH_AS(WSServer(io, secureOptions({.certificates = {{"/absent.pem", "/absent.key"}}})),
                         "cannot use certificate file '/absent.pem': No such file or directory", Error);
}
