#include "support/outcome.hpp"
#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

constexpr Timestamp someTime{std::chrono::milliseconds(1'700'000'000'000)};

}  // namespace

TEST_CASE("a server sends to one client, to all, and ends one; of clients that are not there it says so")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto one = co_await served.peer();
                   auto two = co_await served.peer();
                   const auto ids = co_await served.server.getConnectedClients();
                   REQUIRE(ids.size() == 2);
                   CHECK(ids[0] != ids[1]);
                   const EventMessage event{"e-1", someTime, "topic", Json::parse("[1.50]"), {}};
                   const bool sent = co_await served.server.sendMessage(ids[1], event);
                   CHECK(sent);
                   auto message = co_await two.text();
                   CHECK(message.find(R"("data":[1.50])") != std::string::npos);
                   CHECK(brief(boost::json::parse(message).as_object()).starts_with("event topic"));
                   const auto count = co_await served.server.broadcast(event);
                   CHECK(count == 2);
                   message = co_await one.text();
                   CHECK(message.find(R"("id":"e-1")") != std::string::npos);
                   message = co_await two.text();
                   CHECK(message.find(R"("id":"e-1")") != std::string::npos);

                   const bool toNobody = co_await served.server.sendMessage("nobody", event);
                   CHECK_FALSE(toNobody);
                   const bool nobody = co_await served.server.disconnectClient("nobody");
                   CHECK_FALSE(nobody);
                   const auto none = co_await served.server.getClient("nobody");
                   CHECK_FALSE(none);

                   const bool disconnected = co_await served.server.disconnectClient(ids[0]);
                   CHECK(disconnected);
                   const auto end = co_await one.closed();
                   CHECK(end == "1000 Disconnected by server");
                   one.close();
                   const auto pong = co_await two.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE("a close code that may not be sent is refused to the caller, and the client stays")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const auto ids = co_await served.server.getConnectedClients();
                   auto code = Errc::cancelled;
                   try
                   {
                       co_await served.server.disconnectClient(ids.at(0), {CloseCode::abnormal, ""});
                   }
                   catch (const Error& error)
                   {
                       code = error.errc();
                   }
                   CHECK(code == Errc::invalidArgument);
                   const auto pong = co_await peer.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

TEST_CASE("shutdown lets every client have what is queued and a Close with 1001, and waits for theirs")
{
    WSServerOptions options;
    options.rateLimit.reset();
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            options.port = 0;
            options.closeTimeout = 10s;
            Served served(io, options);
            co_await served.server.start();
            const auto port = served.server.port();
            auto peer = co_await served.peer();
            const EventMessage large{"e-1", someTime, "t", Json(std::string(1'000'000, 'x')), {}};
            for (int number = 0; number < 8; ++number)
            {
                const auto count = co_await served.server.broadcast(large);
                CHECK(count == 1);
            }
            bool ended = false;
            asio::co_spawn(
                io,
                [&]() -> asio::awaitable<void>
                {
                    co_await served.server.shutdown();
                    ended = true;
                },
                asio::detached);
            for (int number = 0; number < 8; ++number)
            {
                const auto text = co_await peer.text();
                CHECK(text.size() > 1'000'000);
            }
            const auto end = co_await peer.closed();
            CHECK(end == "1001 Server shutting down");
            CHECK_FALSE(ended);
            CHECK(served.server.port() == 0);
            co_await peer.sendClose(1001);
            co_await served.server.shutdown();  // beside the first, and again
            co_await served.server.shutdown();
            RawPeer late(io);
            bool refused = false;
            try
            {
                co_await late.connect(port);
            }
            catch (const std::system_error&)
            {
                refused = true;
            }
            CHECK(refused);
            co_await served.server.start();
            const bool serves = co_await served.serves();
            CHECK(serves);
            co_await served.server.shutdown();
            CHECK(ended);
        });
}

TEST_CASE("a deaf client, a half-open upgrade and a closing client delay shutdown to closeTimeout at most")
{
    const auto began = std::chrono::steady_clock::now();
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServerOptions options = onFreePort();
            options.closeTimeout = 300ms;
            Served served(io, options);
            co_await served.server.start();
            auto deaf = co_await served.peer(4096);
            const EventMessage large{"e-1", someTime, "t", Json(std::string(4'000'000, 'x')), {}};
            for (int number = 0; number < 4; ++number) co_await served.server.broadcast(large);
            RawPeer halfOpen(io);
            co_await halfOpen.connect(served.server.port());
            co_await halfOpen.write("GET / HTTP/1.1\r\n");
            auto closing = co_await served.peer();
            co_await served.server.shutdown();
        });
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("cancelling shutdown insists: it ends at once, with everything")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServerOptions options;
            options.port = 0;
            options.closeTimeout = 60s;
            Served served(io, options);
            co_await served.server.start();
            auto deaf = co_await served.peer();
            asio::cancellation_signal cancel;
            auto outcome = Errc::alreadyRunning;
            asio::steady_timer ended(io, asio::steady_timer::time_point::max());
            asio::co_spawn(io, served.server.shutdown(),
                           asio::bind_cancellation_slot(cancel.slot(),
                                                        [&](std::exception_ptr failure)
                                                        {
                                                            try
                                                            {
                                                                if (failure) std::rethrow_exception(failure);
                                                            }
                                                            catch (const Error& error)
                                                            {
                                                                outcome = error.errc();
                                                            }
                                                            ended.cancel();
                                                        }));
            const auto end = co_await deaf.frame();
            REQUIRE(end);
            CHECK(end->opcode == wire::close);
            cancel.emit(asio::cancellation_type::terminal);
            asio::error_code woken;
            co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            CHECK(outcome == Errc::cancelled);
            co_await deaf.rest();
            co_await served.server.start();
            const bool serves = co_await served.serves();
            CHECK(serves);
            co_await served.server.shutdown();
        });
}

TEST_CASE("a silent client is pinged and then closed, one that answers pings stays")
{
    WSServerOptions options;
    options.heartbeatInterval = 60ms;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto silent = co_await served.peer();
                   auto listening = co_await served.peer();
                   std::string ended;
                   asio::co_spawn(
                       served.io,
                       [&]() -> asio::awaitable<void>
                       {
                           ended = co_await silent.closed();
                           silent.close();
                       },
                       asio::detached);
                   int pings = 0;
                   while (pings < 6 || ended.empty())
                   {
                       const auto frame = co_await listening.frame();
                       REQUIRE(frame);
                       REQUIRE(frame->opcode == wire::ping);
                       co_await listening.write(wire::masked(wire::pong, frame->payload));
                       ++pings;
                       REQUIRE(pings < 100);
                   }
                   CHECK(ended == "1008 Heartbeat timeout");
                   const auto pong = co_await listening.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
}

namespace
{

asio::awaitable<void> shutdownAndStart(WSServer& server)
{
    co_await server.shutdown();
    co_await server.start();
}

}  // namespace

TEST_CASE("shutdowns that overlap end the run that they began with, and no later one")
{
    for (int turns = 0; turns < 30; ++turns)
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                CAPTURE(turns);
                Served served(io, onFreePort());
                co_await served.server.start();
                auto peer = co_await served.peer();
                peer.close();
                // The second begins at another moment of the first each time, at last when it is over.
                Beside again(io.get_executor(), shutdownAndStart(served.server));
                co_await turnsOfLoop(turns);
                Beside beside(io.get_executor(), served.server.shutdown());
                auto outcome = co_await again.ended();
                CHECK(outcome.went());
                outcome = co_await beside.ended();
                CHECK(outcome.went());
                const bool runs = served.server.port() != 0;
                if (turns == 0) CHECK(runs);  // both were the first run's
                outcome = co_await outcomeOf(served.server.start());
                CHECK(outcome.went() == !runs);
                const bool serves = co_await served.serves();
                CHECK(serves);
                co_await served.server.shutdown();
            });
}

TEST_CASE("an operation that is awaited when its server has gone is cancelled, and begins nothing")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto server = std::make_unique<WSServer>(io, WSServerOptions{.port = 0});
            auto start = server->start();
            auto shutdown = server->shutdown();
            auto clients = server->getConnectedClients();
            auto broadcast = server->broadcast(PingMessage{"p", someTime});
            server.reset();
            auto outcome = co_await outcomeOf(std::move(start));
            CHECK(outcome.errc == Errc::cancelled);
            outcome = co_await outcomeOf(std::move(shutdown));
            CHECK(outcome.errc == Errc::cancelled);
            outcome = co_await outcomeOf(std::move(clients));
            CHECK(outcome.errc == Errc::cancelled);
            outcome = co_await outcomeOf(std::move(broadcast));
            CHECK(outcome.errc == Errc::cancelled);
        });
}

TEST_CASE("times that cannot be calculated with are for ever, or none, as the options say")
{
    constexpr auto most = std::chrono::milliseconds::max();
    constexpr auto least = std::chrono::milliseconds::min();
    WSServerOptions options;
    options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    { co_return true; };
    for (const auto time : {most, 0ms})
    {
        options.handshakeTimeout = time;
        options.authTimeout = time;
        options.heartbeatInterval = time;
        options.rateLimit = RateLimitOptions{2, time};
        withServer(options,
                   [&](Served& served) -> asio::awaitable<void>
                   {
                       auto peer = co_await served.peer();
                       const auto ack = co_await peer.ask(request("auth", "a", R"("token":"t")"));
                       CHECK(brief(ack) == "ack a");
                       auto pong = co_await peer.ask(request("ping", "p"));
                       CHECK(brief(pong) == "pong p");
                       pong = co_await peer.ask(request("ping", "p"));
                       CHECK(brief(pong) == (time == most ? "error p RATE_LIMIT_EXCEEDED" : "pong p"));
                   });
    }
    options = {};
    options.heartbeatInterval = least;
    options.closeTimeout = least;
    options.rateLimit = RateLimitOptions{2, least};
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   for (int number = 0; number < 4; ++number)
                   {
                       auto peer = co_await served.peer();
                       const auto pong = co_await peer.ask(request("ping", "p"));
                       CHECK(brief(pong) == "pong p");
                   }
               });
    options.handshakeTimeout = least;
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   RawPeer peer(served.io);
                   co_await peer.connect(served.server.port());
                   const auto nothing = co_await peer.rest();
                   CHECK(nothing.empty());
                   // However quick it is.
                   RawPeer quick(served.io);
                   std::string answer;
                   try
                   {
                       co_await quick.connect(served.server.port());
                       co_await quick.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
                       answer = co_await quick.rest();
                   }
                   catch (const asio::system_error&)
                   {
                       // It was ended before it could write.
                   }
                   CHECK(answer.empty());
               });
}

TEST_CASE("operations on a server that does not run do nothing, and shutting it down is harmless")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0});
            CHECK(server.port() == 0);
            const auto clients = co_await server.getConnectedClients();
            CHECK(clients.empty());
            const auto count = co_await server.broadcast(PingMessage{"p", someTime});
            CHECK(count == 0);
            co_await server.shutdown();
            co_await server.shutdown();
        });
}

TEST_CASE("a message from the application whose id or timestamp is left empty has both on the wire")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   co_await served.server.broadcast(EventMessage{.topic = "t"});
                   const auto message = co_await peer.message();
                   CHECK_FALSE(message.at("id").as_string().empty());
                   CHECK(message.at("timestamp").to_number<double>() > 1.6e12);
               });
}

TEST_CASE("a client that takes nothing of what the application sends is closed before that piles up")
{
    withServer({.queueBytes = 1024 * 1024},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto deaf = co_await served.peer(4096);
                   const auto ids = co_await served.server.getConnectedClients();
                   REQUIRE(ids.size() == 1);
                   const EventMessage large{
                       .topic = "a", .data = Json::fromValidText('"' + std::string(256 * 1024, 'x') + '"')};
                   int queued = 0;
                   while (queued < 1000 && co_await served.server.sendMessage(ids[0], large)) ++queued;
                   // The bound, and what the kernel's buffers hold.
                   CHECK(queued >= 4);
                   CHECK(queued < 1000);
                   co_await served.server.shutdown();
               });
}
