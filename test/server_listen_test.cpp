#include "support/served.hpp"

#include <strandcast/error.hpp>
#include <strandcast/shard_pool.hpp>

#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string socketPath()
{
    return std::filesystem::temp_directory_path() / fmt::format("strandcast-server-{}.sock", ::getpid());
}

/// A whole visit: a publish that another client gets, and a Close.
asio::awaitable<void> visit(Served& served, const std::string& address)
{
    CAPTURE(address);
    RawPeer peer(served.io);
    co_await peer.joinAt(address);
    const auto pong = co_await peer.ask(request("ping", "p"));
    CHECK(brief(pong) == "pong p");
    const auto end = co_await peer.leave();
    CHECK(end == "1000");
}

}  // namespace

TEST_CASE("a server listens on IPv4, IPv6 and a Unix socket at once, and clients of all of them talk")
{
    const auto path = socketPath();
    const std::vector<ListenAddress> places = {TcpAddress{}, TcpAddress{"::1", 0}, UnixAddress{path}};
    withRouter({},
               [&](Served& served) -> asio::awaitable<void>
               {
                   const auto addresses = served.server.addresses();
                   REQUIRE(addresses.size() == 3);
                   CHECK(addresses[0] == fmt::format("127.0.0.1:{}", served.server.port()));
                   CHECK(addresses[1].starts_with("[::1]:"));
                   CHECK_FALSE(addresses[1].ends_with(":0"));
                   CHECK(addresses[2] == "unix:" + path);
                   auto connections = served.server.events<Connection>();
                   std::vector<RawPeer> peers;
                   for (const auto& address : addresses)
                   {
                       peers.emplace_back(served.io);
                       co_await peers.back().joinAt(address);
                       const auto ack =
                           co_await peers.back().ask(request("subscribe", "s", R"("topics":["t"])"));
                       CHECK(brief(ack) == "ack s");
                   }
                   const std::vector<std::string> prefixes = {"127.0.0.1:", "[::1]:", "unix"};
                   for (const auto& prefix : prefixes)
                   {
                       const auto connection = co_await connections.next();
                       REQUIRE(connection);
                       CHECK(connection->peerAddress.starts_with(prefix));
                   }
                   for (std::size_t from = 0; from < peers.size(); ++from)
                   {
                       const auto ack =
                           co_await peers[from].ask(request("publish", "p", R"("topic":"t","data":1)"));
                       CHECK(brief(ack) == "ack p");
                       for (std::size_t to = 0; to < peers.size(); ++to)
                       {
                           if (to == from) continue;
                           const auto event = co_await peers[to].message();
                           CHECK(brief(event) == fmt::format("event t {} 1", from + 1));
                       }
                   }
               },
               {.listen = places, .rateLimit = std::nullopt});
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("where one address cannot be listened on none is, and a server that has stopped listens anew")
{
    const auto path = socketPath();
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            Served served(io, onFreePort({.listen = {UnixAddress{path}, TcpAddress{"192.0.2.1", 0}}}));
            std::string what;
            try
            {
                co_await served.server.start();
            }
            catch (const Error& error)
            {
                CHECK(error.errc() == Errc::addressUnavailable);
                what = error.what();
            }
            CHECK(what.find("192.0.2.1") != std::string::npos);
            CHECK_FALSE(std::filesystem::exists(path));
            CHECK(served.server.addresses().empty());

            Served second(io, onFreePort({.listen = {UnixAddress{path}, TcpAddress{"::1", 0}}}));
            auto started = second.server.events<Started>();
            for (int run = 0; run < 3; ++run)
            {
                co_await second.server.start();
                const auto told = co_await started.next();
                REQUIRE(told);
                CHECK(told->addresses == second.server.addresses());
                CHECK(told->port == second.server.port());
                for (const auto& address : second.server.addresses()) co_await visit(second, address);
                co_await second.server.shutdown();
                CHECK(second.server.addresses().empty());
                CHECK(second.server.port() == 0);
            }
        });
}

TEST_CASE("a server serves on a socket that was open before, again after a restart")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            asio::ip::tcp::acceptor handed(io,
                                           asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
            Served served(io, onFreePort({.listen = {OpenSocket{handed.native_handle()}}}));
            for (int run = 0; run < 2; ++run)
            {
                co_await served.server.start();
                CHECK(served.server.port() == handed.local_endpoint().port());
                co_await visit(served, served.server.addresses().at(0));
                co_await served.server.shutdown();
            }
        });
}

TEST_CASE("a server on IPv4's and IPv6's every interface has both on one port")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            Served first(io, onFreePort({.listen = {TcpAddress{"0.0.0.0", 0}}}));
            co_await first.server.start();
            const auto port = first.server.port();
            co_await first.server.shutdown();
            Served both(io, onFreePort({.listen = {TcpAddress{"0.0.0.0", port}, TcpAddress{"::", port}}}));
            co_await both.server.start();
            co_await visit(both, fmt::format("127.0.0.1:{}", port));
            co_await visit(both, fmt::format("[::1]:{}", port));
            co_await both.server.shutdown();
        });
}

TEST_CASE("two servers share a port where both say so")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            Served first(io, onFreePort({.reusePort = true}));
            co_await first.server.start();
            const TcpAddress address{"127.0.0.1", first.server.port()};
            Served second(io, onFreePort({.listen = {address}, .reusePort = true}));
            co_await second.server.start();
            for (int visitor = 0; visitor < 20; ++visitor)
                co_await visit(first, formatListenAddress(address));
            co_await second.server.shutdown();
            co_await visit(first, formatListenAddress(address));
            co_await first.server.shutdown();
        });
}

TEST_CASE("the clients of every listener of a pool are served")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            const ShardPool pool(2);
            WSServer server(pool, onFreePort({.listen = {TcpAddress{}, TcpAddress{"::1", 0}}}));
            co_await server.start();
            const auto addresses = server.addresses();
            std::vector<RawPeer> peers;
            for (int number = 0; number < 10; ++number)
            {
                peers.emplace_back(io);
                co_await peers.back().joinAt(addresses[static_cast<std::size_t>(number % 2)]);
            }
            const auto clients = co_await server.getConnectedClients();
            CHECK(clients.size() == 10);
            peers.clear();
            co_await server.shutdown();
        });
}
