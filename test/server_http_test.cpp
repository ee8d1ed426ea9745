#include "server/origin_rules.hpp"
#include "support/served.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

const std::string upgradeHeaders = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                   "Sec-WebSocket-Version: 13\r\n";

/// All that the server says to a request, up to its end.
asio::awaitable<std::string> answerTo(Served& served, std::string request)
{
    RawPeer peer(served.io);
    co_await peer.connect(served.server.port());
    co_await peer.write(std::move(request));
    co_return co_await peer.rest();
}

asio::awaitable<std::string> answerTo(Served& served, std::string_view line, std::string_view headers)
{
    return answerTo(served, fmt::format("{} HTTP/1.1\r\n{}\r\n", line, headers));
}

/// What an upgrade with these headers is answered with: "101", or the status of its refusal.
asio::awaitable<std::string> upgradeWith(Served& served, std::string headers, std::string target = "/")
{
    RawPeer peer(served.io);
    co_await peer.connect(served.server.port());
    co_await peer.write(fmt::format("GET {} HTTP/1.1\r\n{}{}\r\n", target, headers, upgradeHeaders));
    const auto head = co_await peer.responseHead();
    co_return head.substr(9, 3);
}

struct Case
{
    std::string host;
    std::optional<std::string> origin;
    std::string status;
};

void checkOrigins(WSServerOptions options, const std::vector<Case>& cases)
{
    withServer(std::move(options),
               [&](Served& served) -> asio::awaitable<void>
               {
                   for (const auto& one : cases)
                   {
                       std::string headers = "Host: " + one.host + "\r\n";
                       if (one.origin) headers += "Origin: " + *one.origin + "\r\n";
                       const auto status = co_await upgradeWith(served, headers);
                       CAPTURE(headers);
                       CHECK(status == one.status);
                   }
               });
}

constexpr std::string_view host = "Host: localhost\r\n";

}  // namespace

TEST_CASE("a plain request gets a whole answer, and the connection ends with it")
{
    withServer(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            const auto healthy = co_await answerTo(served, "GET /healthz", host);
            CHECK(healthy == "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\nok\n");
            const auto asked = co_await answerTo(served, "GET /healthz?verbose", host);
            CHECK(asked == healthy);
            const auto kept =
                co_await answerTo(served, "GET /healthz", "Host: localhost\r\nConnection: keep-alive\r\n");
            CHECK(kept == healthy);
            const auto twice = co_await answerTo(
                served, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: "
                        "localhost\r\n\r\n");
            CHECK(twice == healthy);
        });
}

TEST_CASE("a HEAD gets the head of what a GET would get, and no more")
{
    withServer({.path = "/ws"},
               [](Served& served) -> asio::awaitable<void>
               {
                   for (const std::string target : {"/healthz", "/ws", "/nothing"})
                   {
                       const auto whole = co_await answerTo(served, "GET " + target, host);
                       const auto head = co_await answerTo(served, "HEAD " + target, host);
                       CHECK(head == whole.substr(0, whole.find("\r\n\r\n") + 4));
                       CHECK(whole.size() > head.size());
                   }
               });
}

TEST_CASE("another path is 404, another method 405, and what is no upgrade 426 with what to upgrade to")
{
    withServer({.path = "/ws"},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto missing = co_await answerTo(served, "GET /", host);
                   CHECK(missing.starts_with("HTTP/1.1 404 Not Found\r\n"));
                   const auto posted = co_await answerTo(served, "POST /ws", host);
                   CHECK(posted.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n"));
                   const auto uploaded = co_await answerTo(
                       served, fmt::format("POST /ws HTTP/1.1\r\n{}Content-Length: 100000\r\n\r\n{}", host,
                                           std::string(100'000, 'x')));
                   CHECK(uploaded == posted);
                   const auto health = co_await answerTo(served, "DELETE /healthz", host);
                   CHECK(health.starts_with("HTTP/1.1 404 Not Found\r\n"));
                   const auto plain = co_await answerTo(served, "GET /ws", host);
                   CHECK(plain.starts_with("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                                           "Sec-WebSocket-Version: 13\r\nConnection: Upgrade, close\r\n"));
                   const auto headed =
                       co_await answerTo(served, "HEAD /ws", std::string(host) + upgradeHeaders);
                   CHECK(headed.starts_with("HTTP/1.1 405 "));
                   const auto upgraded = co_await upgradeWith(served, std::string(host), "/ws?x=1");
                   CHECK(upgraded == "101");
               });
}

TEST_CASE("a page of the host that is asked for may connect, whatever the ports, and no page from elsewhere")
{
    checkOrigins({}, {{"localhost:8080", std::nullopt, "101"},
                      {"localhost:8080", "http://localhost:3000", "101"},
                      {"LOCALHOST", "https://localhost", "101"},
                      {"127.0.0.1:80", "http://127.0.0.1", "101"},
                      {"[::1]:80", "http://[::1]:5173", "101"},
                      {"localhost", "https://evil.example", "403"},
                      {"localhost", "https://localhost.evil.example", "403"},
                      {"localhost", "https://evil.example/localhost", "403"},
                      {"localhost", "null", "403"},
                      {"localhost", "", "403"},
                      {"localhost", "localhost", "403"},
                      {"localhost", "http://localhost@evil.example", "403"},
                      {"localhost", "http://localhost:x@evil.example", "403"},
                      {"localhost", "http://localhost\r\nOrigin: http://localhost", "400"}});
}

TEST_CASE("where origins are named those are let in, and no others")
{
    checkOrigins({.allowedOrigins = {"https://app.example", "http://localhost:3000"}},
                 {{"localhost", std::nullopt, "101"},
                  {"localhost", "https://app.example", "101"},
                  {"localhost", "HTTPS://APP.example", "101"},
                  {"localhost", "http://localhost:3000", "101"},
                  {"localhost", "http://localhost:3001", "403"},
                  {"localhost", "http://app.example", "403"},
                  {"localhost", "https://app.example.evil", "403"}});
    checkOrigins({.allowedOrigins = {"*"}},
                 {{"localhost", "https://anything", "101"}, {"localhost", "null", "101"}});
}

TEST_CASE("a server on loopback alone is asked for by its own names, or by those that it was told of")
{
    checkOrigins({}, {{"localhost.", std::nullopt, "101"},
                      {"app.localhost:1", std::nullopt, "101"},
                      {"127.1.2.3", std::nullopt, "101"},
                      {"rebound.example", std::nullopt, "403"},
                      {"rebound.example", "http://rebound.example", "403"},
                      {"127.0.0.1.evil.example", std::nullopt, "403"},
                      {"notlocalhost", std::nullopt, "403"},
                      {"[::2]", std::nullopt, "403"},
                      {"", std::nullopt, "403"}});
    checkOrigins(
        {.allowedHosts = {"events.example"}},
        {{"events.example:443", "https://events.example", "101"}, {"other.example", std::nullopt, "403"}});
    checkOrigins({.host = "0.0.0.0"}, {{"anything.example", "https://anything.example", "101"}});
}

TEST_CASE("the first of the server's subprotocols that a client offers is chosen, and otherwise none")
{
    withServer({.subprotocols = {"second", "first"}},
               [](Served& served) -> asio::awaitable<void>
               {
                   const std::vector<std::pair<std::string, std::string>> cases = {
                       {"Sec-WebSocket-Protocol: first, second\r\n", "second"},
                       {"Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: first\r\n", "first"},
                       {"Sec-WebSocket-Protocol: other\r\n", ""},
                       {"", ""}};
                   for (const auto& [offered, chosen] : cases)
                   {
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       co_await peer.write(
                           fmt::format("GET / HTTP/1.1\r\n{}{}{}\r\n", host, upgradeHeaders, offered));
                       const auto head = co_await peer.responseHead();
                       CHECK(head.starts_with("HTTP/1.1 101 "));
                       const auto line = "\r\nSec-WebSocket-Protocol: " + chosen + "\r\n";
                       CHECK((head.find(line) != std::string::npos) == !chosen.empty());
                       CHECK((head.find("Sec-WebSocket-Protocol") != std::string::npos) == !chosen.empty());
                   }
               });
}

TEST_CASE("what a client asked for when it connected is shown to the hook, and to who asks for the client")
{
    UpgradeInfo seen;
    std::string id;
    const auto hook = [&](const ClientInfo& client, std::string,
                          std::optional<Json>) -> asio::awaitable<Authentication>
    {
        seen = client.upgrade;
        id = client.id;
        co_return client.upgrade.authorization == "Bearer abc";
    };
    withServer({.subprotocols = {"events"}, .authenticate = hook},
               [&](Served& served) -> asio::awaitable<void>
               {
                   RawPeer peer(served.io);
                   co_await peer.connect(served.server.port());
                   co_await peer.write(
                       "GET /live?room=7 HTTP/1.1\r\nHost: localhost:81\r\nOrigin: http://localhost\r\n"
                       "Authorization: Bearer abc\r\nSec-WebSocket-Protocol: events\r\n" +
                       upgradeHeaders + "\r\n");
                   co_await peer.responseHead();
                   co_await peer.message();
                   const auto answer = co_await peer.ask(request("auth", "a-1", R"("token":"t")"));
                   CHECK(brief(answer) == "ack a-1");
                   CHECK(seen.path == "/live");
                   CHECK(seen.query == "room=7");
                   CHECK(seen.host == "localhost:81");
                   CHECK(seen.origin == "http://localhost");
                   CHECK(seen.subprotocol == "events");
                   const auto info = co_await served.server.getClient(id);
                   REQUIRE(info);
                   CHECK(info->upgrade.authorization == "Bearer abc");
               });
}
