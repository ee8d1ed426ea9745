#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <variant>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

constexpr auto most = std::chrono::milliseconds::max();
constexpr auto least = std::chrono::milliseconds::min();

}  // namespace

TEST_CASE("the longest timeouts there are overflow nowhere: they never end")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int number) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      if (number == 1) co_await client.grantAll();
                                      co_await client.grant("auth");
                                      client.reset();
                                  });
            WSClient client(io, {.url = server.url(),
                                 .token = "t",
                                 .connectTimeout = most,
                                 .messageTimeout = most,
                                 .pingInterval = most,
                                 .closeTimeout = most,
                                 .reconnectInterval = most,
                                 .reconnectFactor = 1e300,
                                 .reconnectMaxInterval = most});
            co_await client.connect();
            const auto events = co_await client.subscribe("a");
            co_await client.publish("a");
            co_await client.sendAndWait(PublishMessage{.topic = "b"}, most);
            co_await client.send(PublishMessage{.topic = "c"});
            co_await client.unsubscribe("a");
            co_await client.disconnect();

            auto life = client.lifecycle();
            co_await client.connect();
            std::optional<Reconnecting> again;
            while (!again)
            {
                const auto happened = co_await life.next();
                REQUIRE(happened);
                if (const auto* const found = std::get_if<Reconnecting>(&*happened)) again = *found;
            }
            CHECK(again->delay >= 0ms);
            CHECK(again->delay <= std::chrono::hours(24 * 366));
            Beside waits(io.get_executor(), client.send(PublishMessage{.topic = "d"}));
            co_await turnsOfLoop(5);
            CHECK_FALSE(waits.hasEnded());
            co_await client.disconnect();
            CHECK((co_await waits.ended()).errc == Errc::disconnected);
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("a timeout below nothing is over at once, and the connection serves on")
{
    for (const auto timeout : {least, -1ms})
    {
        CAPTURE(timeout.count());
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io,
                                      [](ServerEnd& client, int) -> asio::awaitable<void>
                                      {
                                          co_await client.open();
                                          co_await client.grantAll();
                                      });
                WSClient client(io, {.url = server.url(), .pingInterval = least});
                co_await client.connect();
                const auto outcome =
                    co_await outcomeOf(client.sendAndWait(PublishMessage{.topic = "a"}, timeout));
                CHECK(outcome.errc == Errc::timedOut);
                co_await client.publish("b");
                co_await client.disconnect();
                WSClient impatient(io, {.url = server.url(), .connectTimeout = timeout});
                CHECK((co_await outcomeOf(impatient.connect())).errc == Errc::timedOut);
                co_await until([&] { return server.running() == 0; });
                server.stop();
            });
    }
}

TEST_CASE("however long a server wants its client to wait, the client can be disconnected")
{
    for (const auto* const retryAfter : {"1e15", "9007199254740991", "9223372036854775807"})
    {
        CAPTURE(retryAfter);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                bool wasRefused = false;
                ScriptedServer server(
                    io,
                    [&](ServerEnd& client, int number) -> asio::awaitable<void>
                    {
                        co_await client.upgrade();
                        co_await client.negotiate(R"(["1.1.0","1.0.0"])");
                        const auto selection = co_await client.expect("version-negotiation");
                        const auto say = [&](std::string_view type, std::string fields)
                        {
                            auto text = serverMessage(type, fields);
                            return client.say(text.replace(text.find("1.0.0"), 5, "1.1.0"));
                        };
                        co_await say("ack", fmt::format(R"("messageId":"{}","success":true,"clientId":"c",)"
                                                        R"("dedupWindow":0,"maxMessageSize":65536)",
                                                        idOf(selection)));
                        const auto subscribe = co_await client.expect("subscribe");
                        if (number == 1)
                        {
                            co_await say("ack",
                                         fmt::format(R"("messageId":"{}","success":true)", idOf(subscribe)));
                            co_await client.expect("publish");
                            co_return client.reset();
                        }
                        co_await say("error", fmt::format(R"("messageId":"{}","code":"RATE_LIMIT_EXCEEDED",)"
                                                          R"("message":"Too many","retriable":true,)"
                                                          R"("retryAfter":{})",
                                                          idOf(subscribe), retryAfter));
                        wasRefused = true;
                        const auto next = co_await client.message();
                        CHECK_FALSE(next);
                    });
                WSClient client(io, {.url = server.url(), .reconnectInterval = 0ms});
                co_await client.connect();
                const auto events = co_await client.subscribe("a");
                co_await client.send(PublishMessage{.topic = "x"});
                co_await until([&] { return wasRefused; });
                co_await turnsOfLoop(20);
                CHECK_FALSE(client.isConnected());
                co_await client.disconnect();
                co_await until([&] { return server.running() == 0; });
                server.stop();
            });
    }
}
