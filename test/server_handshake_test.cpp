#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string upgradeWith(const std::string& line, const std::string& headers)
{
    return line + "\r\n" + headers + "\r\n";
}

const std::string getLine = "GET / HTTP/1.1";
const std::string host = "Host: localhost\r\n";
const std::string upgradeHeaders = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string version = "Sec-WebSocket-Version: 13\r\n";

}  // namespace

TEST_CASE("what is no right upgrade is answered with its status, and the server goes on serving")
{
    struct Case
    {
        std::string name;
        std::string bytes;
        int status;
    };
    std::string hundredHeaders;
    for (int number = 0; number < 101; ++number) hundredHeaders += fmt::format("X-{}: y\r\n", number);
    const auto all = host + upgradeHeaders + key + version;
    const std::vector<Case> cases = {
        {"a TLS hello", std::string("\x16\x03\x01\x02", 4), 400},
        {"another method", upgradeWith("POST / HTTP/1.1", all), 405},
        {"no upgrade", upgradeWith(getLine, host), 426},
        {"another version of WebSocket",
         upgradeWith(getLine, host + upgradeHeaders + key + "Sec-WebSocket-Version: 8\r\n"), 426},
        {"no key", upgradeWith(getLine, host + upgradeHeaders + version), 400},
        {"a key of 15 bytes",
         upgradeWith(getLine,
                     host + upgradeHeaders + version + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n"),
         400},
        {"no Host", upgradeWith(getLine, upgradeHeaders + key + version), 400},
        {"two Hosts", upgradeWith(getLine, host + all), 400},
        {"a body", upgradeWith(getLine, all + "Content-Length: 3\r\n"), 400},
        {"a chunked body", upgradeWith(getLine, all + "Transfer-Encoding: chunked\r\n"), 400},
        {"another HTTP", upgradeWith("GET / HTTP/1.0", all), 505},
        {"a long request line", "GET /" + std::string(9'000, 'a'), 414},
        {"many headers", upgradeWith(getLine, all + hundredHeaders), 431},
        {"large headers", getLine + "\r\nX: " + std::string(17'000, 'a'), 431},
        {"another path", upgradeWith("GET /other HTTP/1.1", all), 404},
    };
    WSServerOptions options;
    options.path = "/";
    withServer(options,
               [&](Served& served) -> asio::awaitable<void>
               {
                   for (const auto& [name, bytes, status] : cases)
                   {
                       CAPTURE(name);
                       RawPeer peer(served.io);
                       co_await peer.connect(served.server.port());
                       co_await peer.write(bytes);
                       const auto head = co_await peer.responseHead();
                       CHECK(head.substr(0, 13) == fmt::format("HTTP/1.1 {} ", status));
                       peer.halfClose();
                       co_await peer.rest();
                   }
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("an upgrade is right on any path, in any letters, and in any pieces; what follows it is heard")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer peer(served.io);
                   co_await peer.connect(served.server.port());
                   const auto bytes =
                       "GET /any/path?query HTTP/1.1\r\nhOST:localhost\r\nUPGRADE: h2c, WebSocket\r\n"
                       "connection: keep-alive,   uPGRADE\r\n" +
                       key + version + "\r\n" + wire::masked(wire::text, request("ping", "early"));
                   for (const char byte : bytes) co_await peer.write(std::string(1, byte));
                   const auto head = co_await peer.responseHead();
                   CHECK(head.starts_with("HTTP/1.1 101 "));
                   const auto first = co_await peer.message();
                   CHECK(first.at("type") == "version-negotiation");
                   const auto pong = co_await peer.message();
                   CHECK(brief(pong) == "pong early");
                   const auto end = co_await peer.leave();
                   CHECK(end == "1000");
               });
}

TEST_CASE("the handshake has its time, however the bytes trickle")
{
    WSServerOptions options;
    options.handshakeTimeout = 100ms;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer silent(served.io);
                   co_await silent.connect(served.server.port());
                   RawPeer trickling(served.io);
                   co_await trickling.connect(served.server.port());
                   const auto began = std::chrono::steady_clock::now();
                   co_await trickling.write("GET / HTTP/1.1\r\n");
                   asio::steady_timer timer(served.io);
                   bool ended = false;
                   for (int byte = 0; byte < 1'000 && !ended; ++byte)
                   {
                       timer.expires_after(10ms);
                       co_await timer.async_wait(asio::use_awaitable);
                       try
                       {
                           co_await trickling.write("X");
                       }
                       catch (const std::system_error&)
                       {
                           ended = true;  // reset, as it wrote to a closed socket
                       }
                   }
                   CHECK(ended);
                   CHECK(std::chrono::steady_clock::now() - began < 5s);
                   const auto nothing = co_await silent.rest();
                   CHECK(nothing.empty());
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("a client too many is upgraded and closed with the reason; when one leaves there is room again")
{
    WSServerOptions options;
    options.maxConnections = 2;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto one = co_await served.peer();
                   auto two = co_await served.peer();
                   RawPeer three(served.io);
                   co_await three.connect(served.server.port());
                   co_await three.upgrade();
                   const auto frame = co_await three.frame();
                   REQUIRE(frame);
                   CHECK(frame->opcode == wire::close);
                   CHECK(frame->payload == wire::closePayload(1008, "Max connections reached"));
                   three.close();
                   const auto left = co_await two.leave();
                   CHECK(left == "1000");
                   // The server has forgotten the one that left once its end is seen.
                   auto four = co_await served.peer();
                   const auto pong = co_await four.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE(
    "connections that are not upgraded yet are bounded: who comes then waits, and is served in its turn")
{
    WSServerOptions options;
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
                       co_await halfOpen.back().write("GET / HTTP/1.1\r\n");
                   }
                   auto waiting = co_await served.peer();
                   CHECK(std::chrono::steady_clock::now() - began >= 150ms);
                   // Who is a client holds no place.
                   auto another = co_await served.peer();
                   auto last = co_await served.peer();
                   const auto pong = co_await last.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE("who is being turned away counts among those who are no clients, and a shutdown waits for no place")
{
    WSServerOptions options;
    options.maxConnections = 1;
    options.maxHandshakes = 1;
    options.closeTimeout = 100ms;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto client = co_await served.peer();
                   std::vector<RawPeer> refused;
                   const auto began = std::chrono::steady_clock::now();
                   for (int number = 0; number < 3; ++number)
                   {
                       refused.emplace_back(served.io);
                       co_await refused.back().connect(served.server.port());
                       co_await refused.back().upgrade();
                       const auto frame = co_await refused.back().frame();
                       REQUIRE(frame);
                       CHECK(frame->payload == wire::closePayload(1008, "Max connections reached"));
                   }
                   // Each of the first two holds its place until its Close is not waited for any more.
                   CHECK(std::chrono::steady_clock::now() - began >= 150ms);
                   RawPeer inBacklog(served.io);
                   co_await inBacklog.connect(served.server.port());
               });
}

TEST_CASE("version-negotiation comes first, with both versions; who selects 1.0.0 or none hears nothing")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer peer(served.io);
                   co_await peer.connect(served.server.port());
                   co_await peer.upgrade();
                   const auto first = co_await peer.message();
                   CHECK(first.at("type") == "version-negotiation");
                   CHECK(first.at("version") == "1.0.0");
                   CHECK(first.at("supportedVersions") == boost::json::array{"1.1.0", "1.0.0"});
                   CHECK_FALSE(first.at("id").as_string().empty());
                   CHECK(first.at("timestamp").to_number<double>() > 1.6e12);

                   const std::string offer = R"("supportedVersions":["1.0.0"])";
                   co_await peer.send(request("version-negotiation", "n-1", offer));
                   co_await peer.send(
                       request("version-negotiation", "n-2", offer + R"(,"selectedVersion":"1.0.0")"));
                   const auto answer = co_await peer.ask(
                       request("version-negotiation", "n-3", offer + R"(,"selectedVersion":"9.0.0")"));
                   CHECK(brief(answer) == "error n-3 UNSUPPORTED_VERSION");
               });
}

TEST_CASE("a server listens where it says, and a port in use is addressUnavailable")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   CHECK(served.server.port() != 0);
                   WSServer other(served.io, {.port = served.server.port()});
                   auto code = Errc::cancelled;
                   try
                   {
                       co_await other.start();
                   }
                   catch (const Error& error)
                   {
                       code = error.errc();
                   }
                   CHECK(code == Errc::addressUnavailable);
                   CHECK(other.port() == 0);
                   code = Errc::cancelled;
                   try
                   {
                       co_await served.server.start();
                   }
                   catch (const Error& error)
                   {
                       code = error.errc();
                   }
                   CHECK(code == Errc::alreadyRunning);
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

namespace
{

std::string selecting1_1(std::string_view id)
{
    return request(
        "version-negotiation", id,
        R"("supportedVersions":["1.1.0"],"selectedVersion":"1.1.0","session":"abcdefghijklmnopqrstuv")");
}

std::string under1_1(std::string_view type, std::string_view id, std::string_view fields = {})
{
    auto text = request(type, id, fields);
    text.replace(text.find("1.0.0"), 5, "1.1.0");
    return text;
}

}  // namespace

TEST_CASE("who selects 1.1.0 before anything else gets it, and all that follows carries it")
{
    withServer(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await served.peer();
            const auto ack = co_await peer.ask(selecting1_1("n-1"));
            CHECK(brief(ack) == "ack n-1");
            CHECK(ack.at("version") == "1.1.0");
            const auto ids = co_await served.server.getConnectedClients();
            CHECK(ack.at("clientId").as_string() == ids.at(0));
            CHECK(ack.at("dedupWindow") == 0);
            CHECK(ack.at("maxMessageSize") == 4 * 1024 * 1024);
            for (const auto& question :
                 {under1_1("ping", "p"), request("ping", "p"), under1_1("auth", "a", R"("token":"t")"),
                  under1_1("publish", "x", R"("topic":"t")"), under1_1("shout", "x"), std::string("{")})
            {
                const auto answer = co_await peer.ask(question);
                CHECK(answer.at("version") == "1.1.0");
                const bool isError = answer.at("type") == "error";
                CHECK(answer.contains("retriable") == isError);
                if (isError) CHECK(answer.at("retriable") == false);
            }
            const auto sent = co_await served.server.sendMessage(ids.at(0), EventMessage{.topic = "note"});
            CHECK(sent);
            auto note = co_await peer.message();
            CHECK(note.at("version") == "1.1.0");
            auto old = co_await served.peer();
            const auto count = co_await served.server.broadcast(EventMessage{.topic = "all"});
            CHECK(count == 2);
            note = co_await peer.message();
            CHECK(note.at("version") == "1.1.0");
            note = co_await old.message();
            CHECK(note.at("version") == "1.0.0");
        });
}

TEST_CASE("1.1.0 is refused after any other message, and without a session; 1.0.0 goes on")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto late = co_await served.peer();
                   auto answer = co_await late.ask(request("ping", "p"));
                   answer = co_await late.ask(selecting1_1("n-1"));
                   CHECK(brief(answer) == "error n-1 INVALID_MESSAGE");
                   CHECK(answer.at("version") == "1.0.0");
                   answer = co_await late.ask(under1_1("ping", "q"));
                   CHECK(brief(answer) == "error q UNSUPPORTED_VERSION");

                   auto twice = co_await served.peer();
                   answer = co_await twice.ask(selecting1_1("n-1"));
                   CHECK(brief(answer) == "ack n-1");
                   answer = co_await twice.ask(selecting1_1("n-2"));
                   CHECK(brief(answer) == "error n-2 INVALID_MESSAGE");

                   auto bare = co_await served.peer();
                   answer = co_await bare.ask(request("version-negotiation", "n-1",
                                                      R"("supportedVersions":[],"selectedVersion":"1.1.0")"));
                   CHECK(brief(answer) == "error n-1 INVALID_MESSAGE");
                   answer = co_await bare.ask(request("ping", "p"));
                   CHECK(brief(answer) == "pong p");
               });
}

TEST_CASE("under 1.1.0 who is over the rate limit is told when to try again")
{
    withServer({.rateLimit = RateLimitOptions{.maxMessages = 2, .window = std::chrono::minutes(1)}},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await peer.ask(selecting1_1("n-1"));
                   answer = co_await peer.ask(under1_1("ping", "p"));
                   answer = co_await peer.ask(under1_1("ping", "q"));
                   CHECK(brief(answer) == "error q RATE_LIMIT_EXCEEDED");
                   CHECK(answer.at("retriable") == true);
                   const auto after = answer.at("retryAfter").to_number<int>();
                   CHECK(after > 0);
                   CHECK(after <= 60'000);
                   auto old = co_await served.peer();
                   for (int count = 0; count < 2; ++count) answer = co_await old.ask(request("ping", "p"));
                   answer = co_await old.ask(request("ping", "q"));
                   CHECK(brief(answer) == "error q RATE_LIMIT_EXCEEDED");
                   CHECK_FALSE(answer.contains("retryAfter"));
                   CHECK_FALSE(answer.contains("retriable"));
               });
}
