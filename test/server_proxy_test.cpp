#include "server/forwarded.hpp"
#include "server/trusted_proxies.hpp"
#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <asio/ip/address.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Whom a request of `peer` is of: an address, "none", or the status of its refusal.
std::string clientOf(const TrustedProxies& proxies, const std::string& peer, const Headers& headers)
{
    HttpHead head;
    for (const auto& [name, value] : headers) head.headers.push_back({name, value});
    std::optional<asio::ip::address> from;
    if (!peer.empty()) from = asio::ip::make_address(peer);
    const auto told = proxies.clientOf(from, head);
    if (const auto* const refusal = std::get_if<HttpRefusal>(&told)) return std::to_string(refusal->status);
    const auto& client = std::get<std::optional<asio::ip::address>>(told);
    return client ? client->to_string() : "none";
}

std::string joined(const std::vector<std::string>& parts)
{
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

/// The status that an upgrade with these headers is answered with.
asio::awaitable<std::string> statusOf(RawPeer& peer, std::string headers)
{
    co_await peer.write("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                        headers + "\r\n");
    const auto head = co_await peer.responseHead();
    co_return head.substr(9, 3);
}

/// What the server takes the client's address for.
asio::awaitable<std::string> seenAddress(Served& served, std::string address, std::string from,
                                         std::string headers)
{
    auto connections = served.server.events<Connection>();
    RawPeer peer(served.io);
    co_await peer.connectTo(std::move(address), std::move(from));
    const auto status = co_await statusOf(peer, std::move(headers));
    if (status != "101") co_return status;
    const auto connection = co_await connections.next();
    REQUIRE(connection);
    const auto info = co_await served.server.getClient(connection->clientId);
    REQUIRE(info);
    CHECK(info->peerAddress == connection->peerAddress);
    co_return info->peerAddress;
}

}  // namespace

TEST_CASE("a range of addresses holds those with its beginning, and what is no range is none")
{
    std::mt19937 random(7);
    for (unsigned bits = 0; bits <= 32; ++bits)
    {
        const auto base = static_cast<std::uint32_t>(random());
        const auto range =
            AddressRange::read(fmt::format("{}/{}", asio::ip::make_address_v4(base).to_string(), bits));
        REQUIRE(range);
        for (int attempt = 0; attempt < 200; ++attempt)
        {
            // Near ones: a single other bit.
            const auto address = attempt < 32 ? base ^ (1U << attempt) : static_cast<std::uint32_t>(random());
            const bool expected = bits == 0 || (address >> (32 - bits)) == (base >> (32 - bits));
            CHECK(range->contains(asio::ip::make_address_v4(address)) == expected);
        }
    }
    const auto six = AddressRange::read("2001:db8::/33");
    REQUIRE(six);
    CHECK(six->contains(asio::ip::make_address("2001:db8:7fff::1")));
    CHECK_FALSE(six->contains(asio::ip::make_address("2001:db8:8000::1")));
    CHECK_FALSE(six->contains(asio::ip::make_address("10.0.0.1")));
    const auto one = AddressRange::read("10.0.0.1");
    REQUIRE(one);
    CHECK(one->contains(asio::ip::make_address("::ffff:10.0.0.1")));
    CHECK_FALSE(one->contains(asio::ip::make_address("10.0.0.2")));
    CHECK_FALSE(one->contains(asio::ip::make_address("::1")));
    for (const auto* const wrong : {"", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8",
                                    "10.0.0.0/8x", "host", "fe80::1%lo", "10.0.0.0/8/8", "10.0.0.0/999"})
        CHECK_FALSE(AddressRange::read(wrong));
}

TEST_CASE("the client is the nearest who is not trusted, whatever those behind it said")
{
    const TrustedProxies proxies({"10.0.0.0/8", "2001:db8:1::/48"});
    const std::string proxy = "10.0.0.1";
    const auto xff = [&](const std::string& value)
    { return clientOf(proxies, proxy, {{"X-Forwarded-For", value}}); };
    const auto forwarded = [&](const std::string& value)
    { return clientOf(proxies, proxy, {{"Forwarded", value}}); };
    CHECK(clientOf(proxies, proxy, {}) == proxy);
    CHECK(xff("203.0.113.9") == "203.0.113.9");
    CHECK(xff("1.2.3.4, 203.0.113.9") == "203.0.113.9");
    CHECK(xff("1.2.3.4,203.0.113.9,10.9.9.9, 2001:db8:1::5") == "203.0.113.9");
    CHECK(xff("203.0.113.9:51234") == "203.0.113.9");
    CHECK(xff("[2001:db8::9]:443") == "2001:db8::9");
    CHECK(xff("2001:db8::9") == "2001:db8::9");
    CHECK(xff("::ffff:203.0.113.9") == "203.0.113.9");
    CHECK(xff("1.2.3.4, ::ffff:10.0.0.2") == "1.2.3.4");
    CHECK(xff("10.0.0.3, 10.0.0.2") == "10.0.0.3");
    CHECK(xff(", 203.0.113.9 ,") == "203.0.113.9");
    // What is no address ends what can be believed.
    for (const std::string unknown : {"unknown", "_hidden", "1.2.3", "1.2.3.4:", "1.2.3.4:8 0", "[::1",
                                      "[1.2.3.4]", "fe80::1%2", "1.2.3.4 5.6.7.8"})
    {
        CAPTURE(unknown);
        CHECK(xff("1.2.3.4, " + unknown) == proxy);
        CHECK(xff("1.2.3.4, " + unknown + ", 10.0.0.2") == "10.0.0.2");
        CHECK(xff(unknown + ", 203.0.113.9") == "203.0.113.9");
    }
    CHECK(clientOf(proxies, proxy, {{"X-Forwarded-For", "1.2.3.4"}, {"x-forwarded-for", "203.0.113.9"}}) ==
          "203.0.113.9");

    CHECK(forwarded("for=203.0.113.9") == "203.0.113.9");
    CHECK(forwarded("for=192.0.2.60;proto=http;by=203.0.113.43") == "192.0.2.60");
    CHECK(forwarded("For=\"[2001:db8:cafe::17]:4711\"") == "2001:db8:cafe::17");
    CHECK(forwarded("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"") == "2001:db8:cafe::17");
    CHECK(forwarded("for=1.2.3.4;host=\"a,b;for=9.9.9.9\", for=10.0.0.7") == "1.2.3.4");
    CHECK(forwarded("for=\"203\\.0.113.9\"") == "203.0.113.9");
    CHECK(forwarded("for=203.0.113.9:80 ; by=x") == "203.0.113.9");
    CHECK(forwarded("for=1.2.3.4, for=_gazonk") == proxy);
    CHECK(forwarded("for=1.2.3.4, proto=https") == proxy);
    CHECK(forwarded("for=1.2.3.4, for=unknown, for=10.0.0.2") == "10.0.0.2");
    CHECK(forwarded("") == proxy);
    for (const std::string malformed :
         {"for", "for=", "=1.2.3.4", "for=\"1.2.3.4", "for=1.2.3.4 for=5.6.7.8", "for=1.2.3.4;for=5.6.7.8",
          "for=\"1.2.3.4\"x", "for=a\"b", "f r=1", "for =1.2.3.4", "for=1.2.3.4, \"", "for=\"\\"})
    {
        CAPTURE(malformed);
        CHECK(forwarded(malformed) == "400");
        CHECK(forwarded(malformed + ", for=203.0.113.9") == "400");
    }
}

TEST_CASE("two headers that tell of different clients are refused: one of them is the client's own")
{
    const TrustedProxies proxies({"10.0.0.1", "unix"});
    const auto both = [&](const std::string& forwarded, const std::string& xff)
    { return clientOf(proxies, "10.0.0.1", {{"Forwarded", forwarded}, {"X-Forwarded-For", xff}}); };
    CHECK(both("for=203.0.113.9", "203.0.113.9") == "203.0.113.9");
    CHECK(both("for=1.1.1.1", "203.0.113.9") == "400");
    CHECK(both("for=203.0.113.9", "1.1.1.1") == "400");
    CHECK(both("for=10.0.0.1", "203.0.113.9") == "400");
    CHECK(both("for=203.0.113.9", "") == "400");
    CHECK(both("", "203.0.113.9") == "203.0.113.9");
    CHECK(clientOf(proxies, "", {{"X-Forwarded-For", "203.0.113.9"}}) == "203.0.113.9");
    CHECK(clientOf(proxies, "", {}) == "none");
}

TEST_CASE("what a client writes before what its proxy adds never makes it another, whatever it is")
{
    const TrustedProxies proxies({"10.0.0.0/8"});
    const std::vector<std::string> pieces = {
        "for=", "1.2.3.4", "\"",      "\\",  ",",  ";",    " ", "10.0.0.2",      "[::1]",
        "=",    "X=\"",    "unknown", ":80", "\t", "\xFF", "a", "for=\"10.0.0.9"};
    const std::array<std::pair<std::string, std::string>, 3> added = {{{"203.0.113.9", "203.0.113.9"},
                                                                       {"[2001:db8::9]", "2001:db8::9"},
                                                                       {"203.0.113.9:80", "203.0.113.9"}}};
    std::mt19937 random(11);
    int passed = 0;
    for (int attempt = 0; attempt < 20'000; ++attempt)
    {
        std::string own;
        for (auto left = random() % 9; left > 0; --left) own += pieces[random() % pieces.size()];
        const auto& [node, address] = added[random() % added.size()];
        CAPTURE(own);
        // On one line with it, or on one of its own.
        const bool oneLine = random() % 2 == 0;
        const auto of = [&](const std::string& name, const std::string& value)
        {
            return clientOf(proxies, "10.0.0.1",
                            oneLine ? Headers{{name, own + ", " + value}}
                                    : Headers{{name, own}, {name, value}});
        };
        CHECK(of("X-Forwarded-For", node) == address);
        const auto seen = of("Forwarded", "for=\"" + node + "\";proto=https");
        CHECK((seen == address || seen == "400"));
        if (seen == address) ++passed;
    }
    CHECK(passed > 1'000);
}

TEST_CASE("over random chains of proxies the client is who a plain count says")
{
    const TrustedProxies proxies({"10.0.0.0/8", "unix"});
    std::mt19937 random(3);
    for (int attempt = 0; attempt < 5'000; ++attempt)
    {
        std::vector<std::string> hops;
        std::vector<std::string> quoted;
        for (auto left = random() % 5; left > 0; --left)
        {
            const auto kind = random() % 5;
            hops.push_back(kind == 0 ? "unknown"
                                     : fmt::format("{}.0.0.{}", kind < 4 ? 10 : 203, random() % 250));
            quoted.push_back("for=" + hops.back());
        }
        const std::string peer = random() % 4 == 0 ? "" : "10.0.0.254";
        std::string expected = peer.empty() ? "none" : peer;
        for (auto hop = hops.rbegin(); hop != hops.rend() && *hop != "unknown"; ++hop)
        {
            expected = *hop;
            if (!hop->starts_with("10.")) break;
        }
        CHECK(clientOf(proxies, peer, {{"X-Forwarded-For", joined(hops)}}) == expected);
        CHECK(clientOf(proxies, peer, {{"Forwarded", joined(quoted)}}) == expected);
    }
}

TEST_CASE("only a trusted proxy's word on a client's address is taken, on every kind of listener")
{
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("strandcast-proxy-{}.sock", ::getpid());
    WSServerOptions options;
    options.listen = {TcpAddress{}, UnixAddress{path}};
    options.trustedProxies = {"127.0.0.1", "unix"};
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto tcp = served.server.addresses().at(0);
                   const auto local = served.server.addresses().at(1);
                   const std::string told = "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n";
                   auto seen = co_await seenAddress(served, tcp, "127.0.0.1", told);
                   CHECK(seen == "203.0.113.9");
                   seen = co_await seenAddress(served, tcp, "127.0.0.1",
                                               "Forwarded: for=\"[2001:db8::7]:1\"\r\n");
                   CHECK(seen == "[2001:db8::7]");
                   seen = co_await seenAddress(served, tcp, "127.0.0.1", "");
                   CHECK(seen.starts_with("127.0.0.1:"));
                   seen = co_await seenAddress(served, tcp, "127.0.0.2", told);
                   CHECK(seen.starts_with("127.0.0.2:"));
                   seen = co_await seenAddress(served, tcp, "127.0.0.2", "Forwarded: \"\r\n");
                   CHECK(seen.starts_with("127.0.0.2:"));
                   seen = co_await seenAddress(served, tcp, "127.0.0.1", "Forwarded: \"\r\n");
                   CHECK(seen == "400");
                   seen = co_await seenAddress(served, local, "", told);
                   CHECK(seen == "203.0.113.9");
                   seen = co_await seenAddress(served, local, "", "");
                   CHECK(seen == "unix");
               });
    options.trustedProxies = {};
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   const std::string told = "X-Forwarded-For: 203.0.113.9\r\n";
                   auto seen = co_await seenAddress(served, served.server.addresses().at(0), "", told);
                   CHECK(seen.starts_with("127.0.0.1:"));
                   seen = co_await seenAddress(served, served.server.addresses().at(1), "", told);
                   CHECK(seen == "unix");
               });
}

TEST_CASE("behind a trusted proxy the clients' own addresses are what is limited")
{
    WSServerOptions options;
    options.trustedProxies = {"127.0.0.1"};
    options.maxConnectionsPerAddress = 1;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto events = served.server.events<Refused>();
                   const auto address = served.server.addresses().at(0);
                   const std::vector<std::pair<std::string, std::string>> cases = {
                       {"203.0.113.1", "101"},
                       {"203.0.113.2", "101"},
                       {"203.0.113.1", "429"},
                       {"203.0.113.3", "101"},
                       {"203.0.113.4, 203.0.113.1", "429"}};
                   std::vector<RawPeer> peers;
                   for (const auto& [client, expected] : cases)
                   {
                       CAPTURE(client);
                       peers.emplace_back(served.io);
                       co_await peers.back().connectTo(address, "127.0.0.1");
                       const auto status =
                           co_await statusOf(peers.back(), "X-Forwarded-For: " + client + "\r\n");
                       CHECK(status == expected);
                       if (status != "429") continue;
                       const auto event = co_await events.next();
                       REQUIRE(event);
                       CHECK(event->peerAddress == "203.0.113.1");
                   }
                   // The proxy's own connections count as any.
                   std::vector<std::string> own;
                   for (int number = 0; number < 2; ++number)
                   {
                       peers.emplace_back(served.io);
                       co_await peers.back().connectTo(address, "127.0.0.1");
                       own.push_back(co_await statusOf(peers.back(), ""));
                   }
                   CHECK(own == std::vector<std::string>{"101", "429"});
               });
}

TEST_CASE("a trusted proxy that is no address is told of when the server is made")
{
    asio::io_context io(1);
    for (const std::string wrong : {"10.0.0.0/40", "proxy.example", ""})
    {
        WSServerOptions options;
        options.trustedProxies = {"::1", wrong};
        auto code = Errc::cancelled;
        try
        {
            const WSServer server(io, options);
        }
        catch (const Error& error)
        {
            code = error.errc();
            CHECK(std::string(error.what()).find("'" + wrong + "'") != std::string::npos);
        }
        CHECK(code == Errc::invalidArgument);
    }
}
