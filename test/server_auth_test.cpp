#include "support/served.hpp"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string auth(std::string_view id, std::string_view token, std::string_view more = {})
{
    return request("auth", id, fmt::format(R"("token":"{}"{})", token, more));
}

// Lets "good" in; "throws" throws; "slow" waits until the timer is cancelled, and is a yes.
WSServerOptions withHook(std::shared_ptr<asio::steady_timer> gate = {}, int* asked = nullptr)
{
    WSServerOptions options;
    options.authenticate = [gate, asked](std::string token,
                                         std::optional<Json>) -> asio::awaitable<Authentication>
    {
        if (asked) ++*asked;
        if (token == "throws") throw std::runtime_error("a secret");
        if (token == "slow")
        {
            asio::error_code opened;
            co_await gate->async_wait(asio::redirect_error(asio::use_awaitable, opened));
        }
        co_return token == "good" || token == "slow";
    };
    return options;
}

// Waits until the server has forgotten every client.
asio::awaitable<void> noClients(Served& served)
{
    asio::steady_timer timer(served.io);
    for (int round = 0; round < 5'000; ++round)
    {
        const auto clients = co_await served.server.getConnectedClients();
        if (clients.empty()) co_return;
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
    }
    FAIL("a client stayed");
}

}  // namespace

TEST_CASE("until it is authenticated a client may only negotiate and authenticate; then it may all")
{
    withServer(withHook(),
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   for (const auto& [type, fields] :
                        std::vector<std::pair<std::string, std::string>>{{"ping", ""},
                                                                         {"subscribe", R"("topics":["t"])"},
                                                                         {"unsubscribe", R"("topics":["t"])"},
                                                                         {"publish", R"("topic":"t")"}})
                   {
                       CAPTURE(type);
                       const auto refused = co_await peer.ask(request(type, "early", fields));
                       CHECK(brief(refused) == "error early AUTHENTICATION_FAILED");
                       CHECK(refused.at("message") == "Not authenticated");
                   }
                   auto clients = co_await served.server.getConnectedClients();
                   CHECK(clients.empty());
                   const auto ack = co_await peer.ask(auth("a-1", "good", R"(,"metadata":{"name":"one"})"));
                   CHECK(brief(ack) == "ack a-1");
                   const auto pong = co_await peer.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
                   clients = co_await served.server.getConnectedClients();
                   REQUIRE(clients.size() == 1);
                   const auto info = co_await served.server.getClient(clients[0]);
                   REQUIRE(info);
                   CHECK(info->authenticated);
                   CHECK(info->metadata == Json::parse(R"({"name":"one"})"));
               });
}

TEST_CASE("a refused token, and a hook that throws, end the connection; the hook's text stays where it is")
{
    withServer(withHook(),
               [](Served& served) -> asio::awaitable<void>
               {
                   for (const std::string token : {"bad", "throws"})
                   {
                       CAPTURE(token);
                       auto peer = co_await served.peer();
                       co_await peer.send(auth("a-1", token));
                       const auto text = co_await peer.text();
                       CHECK(text.find("secret") == std::string::npos);
                       const auto refused = boost::json::parse(text).as_object();
                       CHECK(brief(refused) == "error a-1 AUTHENTICATION_FAILED");
                       CHECK(refused.at("message") == "Invalid credentials");
                       const auto end = co_await peer.closed();
                       CHECK(end == "1008 Authentication failed");
                   }
                   const bool serves = co_await served.serves();
                   CHECK(serves);
               });
}

TEST_CASE("a slow hook delays nobody else, and what its client sends meanwhile waits for it, in order")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto gate = std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
            Served served(io, onFreePort(withHook(gate)));
            co_await served.server.start();
            auto slow = co_await served.peer();
            co_await slow.send(auth("a-1", "slow"));
            for (int number = 0; number < 20; ++number)
                co_await slow.send(request("ping", fmt::format("p-{}", number)));
            auto quick = co_await served.peer();
            const auto ack = co_await quick.ask(auth("a-2", "good"));
            CHECK(brief(ack) == "ack a-2");
            gate->cancel();
            auto answer = co_await slow.message();
            CHECK(brief(answer) == "ack a-1");
            for (int number = 0; number < 20; ++number)
            {
                answer = co_await slow.message();
                CHECK(brief(answer) == fmt::format("pong p-{}", number));
            }
            co_await served.server.shutdown();
        });
}

TEST_CASE("a client that goes, and a server that shuts down, end a hook that is at work")
{
    for (const bool shutdown : {false, true})
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                auto gate = std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
                auto options = onFreePort(withHook(gate));
                options.closeTimeout = 100ms;
                Served served(io, options);
                co_await served.server.start();
                auto peer = co_await served.peer();
                co_await peer.send(auth("a-1", "slow"));
                auto other = co_await served.peer();
                if (!shutdown) peer.reset();
                const auto ack = co_await other.ask(auth("a-2", "good"));
                CHECK(brief(ack) == "ack a-2");
                co_await served.server.shutdown();
            });
}

TEST_CASE("who does not authenticate in time is closed, hook or no hook at work; who does is not")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto gate = std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
            auto options = onFreePort(withHook(gate));
            options.authTimeout = 100ms;
            Served served(io, options);
            co_await served.server.start();
            auto good = co_await served.peer();
            const auto ack = co_await good.ask(auth("a-1", "good"));
            CHECK(brief(ack) == "ack a-1");
            auto silent = co_await served.peer();
            auto slow = co_await served.peer();
            co_await slow.send(auth("a-2", "slow"));
            auto end = co_await silent.closed();
            CHECK(end == "1008 Authentication timeout");
            end = co_await slow.closed();
            CHECK(end == "1008 Authentication timeout");
            slow.close();
            silent.close();
            const auto pong = co_await good.ask(request("ping", "p"));
            CHECK(brief(pong) == "pong p");
            co_await served.server.shutdown();
        });
}

TEST_CASE("a second login has authTimeout as well: past it the hook is cancelled and the client closed")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto gate = std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
            auto options = onFreePort(withHook(gate));
            options.authTimeout = 100ms;
            Served served(io, options);
            co_await served.server.start();
            auto peer = co_await served.peer();
            const auto ack = co_await peer.ask(auth("a-1", "good"));
            CHECK(brief(ack) == "ack a-1");
            co_await peer.send(auth("a-2", "slow"));
            const auto end = co_await peer.closed();
            CHECK(end == "1008 Authentication timeout");
            peer.close();
            co_await noClients(served);
            CHECK(gate->cancel() == 0);  // nobody waits at it any more
            co_await served.server.shutdown();
        });
}

TEST_CASE("a client that goes while its second login is asked about is noticed, whatever it had sent before")
{
    for (const bool reset : {false, true})
        for (const bool unread : {false, true})
            runToEnd(
                [&](asio::io_context& io) -> asio::awaitable<void>
                {
                    CAPTURE(reset);
                    CAPTURE(unread);
                    auto gate =
                        std::make_shared<asio::steady_timer>(io, asio::steady_timer::time_point::max());
                    auto options = onFreePort(withHook(gate));
                    options.authTimeout = 1h;
                    options.heartbeatInterval = 1h;
                    Served served(io, options);
                    co_await served.server.start();
                    auto peer = co_await served.peer();
                    const auto ack = co_await peer.ask(auth("a-1", "good"));
                    CHECK(brief(ack) == "ack a-1");
                    co_await peer.send(auth("a-2", "slow"));
                    auto other = co_await served.peer();
                    co_await other.ask(auth("a", "good"));
                    co_await other.leave();
                    if (unread) co_await peer.send(request("ping", "p"));
                    if (reset)
                        peer.reset();
                    else
                        peer.close();
                    co_await noClients(served);
                    CHECK(gate->cancel() == 0);
                    co_await served.server.shutdown();
                });
}

TEST_CASE("a hook says who a client is, and that stands; authenticating again replaces all of it")
{
    WSServerOptions options;
    const auto expiresAt =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now() + 1h);
    options.authenticate = [&](std::string token, std::optional<Json>) -> asio::awaitable<Authentication>
    {
        if (token == "yes") co_return true;
        Authentication answer{
            .accepted = true, .identity = token, .agents = std::vector<std::string>{"agent-1"}};
        if (token == "two") answer.metadata = Json::parse(R"({"from":"hook"})");
        if (token == "two") answer.expiresAt = expiresAt;
        co_return answer;
    };
    withServer(options,
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const std::string said = R"(,"metadata":{"from":"client"})";
                   co_await peer.ask(auth("a-1", "one", said));
                   const auto clients = co_await served.server.getConnectedClients();
                   REQUIRE(clients.size() == 1);
                   auto info = co_await served.server.getClient(clients[0]);
                   CHECK(info->identity == "one");
                   CHECK(info->agents == std::vector<std::string>{"agent-1"});
                   CHECK_FALSE(info->metadata);
                   CHECK_FALSE(info->expiresAt);
                   co_await peer.ask(auth("a-2", "two", said));
                   info = co_await served.server.getClient(clients[0]);
                   CHECK(info->identity == "two");
                   CHECK(info->metadata == Json::parse(R"({"from":"hook"})"));
                   CHECK(info->expiresAt == expiresAt);
                   co_await peer.ask(auth("a-3", "yes", said));
                   info = co_await served.server.getClient(clients[0]);
                   CHECK_FALSE(info->identity);
                   CHECK_FALSE(info->agents);
                   CHECK(info->metadata == Json::parse(R"({"from":"client"})"));
                   CHECK_FALSE(info->expiresAt);
               });
}

TEST_CASE("a login that runs out ends the connection, one that is renewed in time does not")
{
    const auto hookFor = [](std::chrono::milliseconds time) -> Authenticate
    {
        return [time](std::string token, std::optional<Json>) -> asio::awaitable<Authentication>
        {
            const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
            co_return Authentication{.accepted = true, .expiresAt = now + (token == "long" ? 1h : time)};
        };
    };
    withServer({.authenticate = hookFor(100ms)},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto renewed = co_await served.peer();
                   co_await renewed.ask(auth("a-1", "short"));
                   co_await renewed.ask(auth("a-2", "long"));
                   auto peer = co_await served.peer();
                   const auto ack = co_await peer.ask(auth("a-1", "short"));
                   CHECK(brief(ack) == "ack a-1");
                   const auto ended = co_await peer.message();
                   CHECK(ended.at("type") == "error");
                   CHECK(ended.at("code") == "AUTHENTICATION_FAILED");
                   CHECK_FALSE(ended.contains("messageId"));
                   const auto end = co_await peer.closed();
                   CHECK(end == "1008 Authentication expired");
                   const auto pong = co_await renewed.ask(request("ping", "p"));
                   CHECK(brief(pong) == "pong p");
               });
    withServer({.authenticate = hookFor(-1s)},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const auto refused = co_await peer.ask(auth("a-1", "short"));
                   CHECK(brief(refused) == "error a-1 AUTHENTICATION_FAILED");
                   const auto end = co_await peer.closed();
                   CHECK(end == "1008 Authentication failed");
               });
}

TEST_CASE("what a client says of itself stands in its ClientInfo where no hook is asked as well")
{
    withServer({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto ack = co_await peer.ask(auth("a-1", "any", R"(,"metadata":{"name":"one"})"));
                   CHECK(brief(ack) == "ack a-1");
                   const auto clients = co_await served.server.getConnectedClients();
                   REQUIRE(clients.size() == 1);
                   auto info = co_await served.server.getClient(clients[0]);
                   CHECK(info->metadata == Json::parse(R"({"name":"one"})"));
                   ack = co_await peer.ask(auth("a-2", "any"));
                   info = co_await served.server.getClient(clients[0]);
                   CHECK_FALSE(info->metadata);
               });
}

TEST_CASE("authenticating again asks the hook again: yes replaces the metadata, no ends the connection")
{
    int asked = 0;
    withServer(withHook({}, &asked),
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   co_await peer.ask(auth("a-1", "good", R"(,"metadata":{"n":1})"));
                   auto ack = co_await peer.ask(auth("a-2", "good", R"(,"metadata":{"n":2})"));
                   CHECK(brief(ack) == "ack a-2");
                   CHECK(asked == 2);
                   const auto clients = co_await served.server.getConnectedClients();
                   REQUIRE(clients.size() == 1);
                   const auto info = co_await served.server.getClient(clients[0]);
                   CHECK(info->metadata == Json::parse(R"({"n":2})"));
                   ack = co_await peer.ask(auth("a-3", "bad"));
                   CHECK(brief(ack) == "error a-3 AUTHENTICATION_FAILED");
                   const auto end = co_await peer.closed();
                   CHECK(end == "1008 Authentication failed");
               });
}
