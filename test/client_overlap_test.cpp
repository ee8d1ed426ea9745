#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

asio::awaitable<void> serveAll(ServerEnd& client, int)
{
    co_await client.open();
    co_await client.grantAll();
}

void withServer(const std::function<asio::awaitable<void>(asio::io_context&, ScriptedServer&)>& body)
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, &serveAll);
            co_await body(io, server);
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

}  // namespace

TEST_CASE("a connect() that comes while the client disconnects waits for the end, and connects anew")
{
    withServer(
        [](asio::io_context& io, ScriptedServer& server) -> asio::awaitable<void>
        {
            WSClient client(io, {.url = server.url(), .token = "t"});
            co_await client.connect();
            auto before = client.events();
            Beside goes(io.get_executor(), client.disconnect());
            Beside comes(io.get_executor(), client.connect());
            CHECK((co_await goes.ended()).went());
            CHECK((co_await comes.ended()).went());
            CHECK(client.isConnected());
            const auto end = co_await before.next();
            CHECK_FALSE(end);
            co_await client.publish("a");
            CHECK(server.connections() == 2);
            co_await client.disconnect();
        });
}

TEST_CASE("disconnect() ends every connect() that was asked for before it, and none that comes later")
{
    withServer(
        [](asio::io_context& io, ScriptedServer& server) -> asio::awaitable<void>
        {
            for (int turns = 0; turns < 40; ++turns)
            {
                CAPTURE(turns);
                WSClient client(io, {.url = server.url(), .token = "t"});
                Beside first(io.get_executor(), client.connect());
                co_await turnsOfLoop(turns);
                Beside goes(io.get_executor(), client.disconnect());
                Beside second(io.get_executor(), client.connect());
                const bool wasWaiting = !second.hasEnded();
                Beside goesAgain(io.get_executor(), client.disconnect());
                Beside third(io.get_executor(), client.connect());
                Beside fourth(io.get_executor(), client.connect());
                CHECK((co_await goes.ended()).went());
                CHECK((co_await goesAgain.ended()).went());
                const auto ofFirst = co_await first.ended();
                if (!ofFirst.went()) CHECK(ofFirst.errc == Errc::cancelled);
                const auto ofSecond = co_await second.ended();
                CHECK(wasWaiting);
                CHECK(ofSecond.errc == Errc::cancelled);
                CHECK_MESSAGE(ofSecond.says("disconnect()"), ofSecond.text);
                CHECK((co_await third.ended()).went());
                CHECK((co_await fourth.ended()).errc == Errc::alreadyRunning);
                CHECK(client.isConnected());
                co_await client.disconnect();
            }
        });
}

TEST_CASE("a disconnect() that is cancelled insists, and one beside it ends with it")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      // It never answers the Close.
                                      while (co_await client.frame())
                                      {
                                      }
                                  });
            WSClient client(io, {.url = server.url(), .closeTimeout = 20s});
            co_await client.connect();
            Beside first(io.get_executor(), client.disconnect());
            Beside second(io.get_executor(), client.disconnect());
            co_await turnsOfLoop(20);
            CHECK_FALSE(first.hasEnded());
            CHECK_FALSE(second.hasEnded());
            second.cancel();
            CHECK((co_await second.ended()).errc == Errc::cancelled);
            CHECK((co_await first.ended()).went());
            co_await client.connect();
            Beside third(io.get_executor(), client.disconnect());
            third.cancel();
            CHECK((co_await third.ended()).errc == Errc::cancelled);
            CHECK_FALSE(client.isConnected());
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("a client may be let go of while it connects, disconnects and waits to connect again")
{
    withServer(
        [](asio::io_context& io, ScriptedServer& server) -> asio::awaitable<void>
        {
            for (int turns = 0; turns < 20; ++turns)
            {
                CAPTURE(turns);
                auto client = std::make_unique<WSClient>(io, WSClientOptions{.url = server.url()});
                std::vector<Beside> all;
                all.emplace_back(io.get_executor(), client->connect());
                co_await turnsOfLoop(turns);
                all.emplace_back(io.get_executor(), client->disconnect());
                all.emplace_back(io.get_executor(), client->connect());
                client.reset();
                for (auto& one : all)
                {
                    const auto outcome = co_await one.ended();
                    if (!outcome.went()) CHECK(outcome.errc == Errc::cancelled);
                }
                CHECK_FALSE(all.back().outcome().went());
            }
        });
}

TEST_CASE(
    "what is asked of a client before it goes and awaited after it ends as cancelled, and starts nothing")
{
    withServer(
        [](asio::io_context& io, ScriptedServer& server) -> asio::awaitable<void>
        {
            for (const bool isConnected : {false, true})
            {
                CAPTURE(isConnected);
                auto client = std::make_unique<WSClient>(io, WSClientOptions{.url = server.url()});
                if (isConnected) co_await client->connect();
                const auto before = server.connections();
                auto connect = client->connect();
                auto disconnect = client->disconnect();
                auto subscribe = client->subscribe("a");
                auto unsubscribe = client->unsubscribe("a");
                auto publish = client->publish("a");
                auto send = client->send(PingMessage());
                auto ask = client->sendAndWait(PingMessage());
                client.reset();
                std::vector<Outcome> all;
                all.push_back(co_await outcomeOf(std::move(connect)));
                all.push_back(co_await outcomeOf(std::move(disconnect)));
                all.push_back(co_await outcomeOf(std::move(subscribe)));
                all.push_back(co_await outcomeOf(std::move(unsubscribe)));
                all.push_back(co_await outcomeOf(std::move(publish)));
                all.push_back(co_await outcomeOf(std::move(send)));
                all.push_back(co_await outcomeOf(std::move(ask)));
                for (std::size_t index = 0; index < all.size(); ++index)
                {
                    CAPTURE(index);
                    CHECK(all[index].errc == Errc::cancelled);
                }
                co_await turnsOfLoop(20);
                CHECK(server.connections() == before);
            }
        });
}
