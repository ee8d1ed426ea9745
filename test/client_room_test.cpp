#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Texts = std::vector<std::string>;

/// `publish a`, `subscribe a,b`.
std::string brief(const boost::json::object& message)
{
    std::string text(message.at("type").as_string());
    if (message.contains("topic")) text += " " + std::string(message.at("topic").as_string());
    if (message.contains("topics"))
    {
        Texts topics;
        for (const auto& topic : message.at("topics").as_array()) topics.emplace_back(topic.as_string());
        text += fmt::format(" {}", fmt::join(topics, ","));
    }
    return text;
}

asio::awaitable<void> subscribeTo(WSClient& client, std::string topic)
{
    static_cast<void>(co_await client.subscribe(std::move(topic)));
}

asio::awaitable<void> publishOn(WSClient& client, std::string topic)
{
    static_cast<void>(co_await client.publish(std::move(topic)));
}

/// Far more than the system's buffers take, and so than may be left unsent.
asio::awaitable<void> publishMuch(WSClient& client)
{
    static_cast<void>(co_await client.sendAndWait(
        PublishMessage{.topic = "much", .data = Json(std::string(8 * 1024 * 1024, 'x'))}, 0ms));
}

/// A server that reads nothing until it is told to, and then acks all that comes.
struct SlowServer
{
    bool reads = false;
    Texts requests{};

    ScriptedServer::Script script()
    {
        return [this](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            while (!reads) co_await asio::post(asio::use_awaitable);
            while (const auto message = co_await client.message())
            {
                requests.push_back(brief(*message));
                co_await client.ack(idOf(*message));
            }
        };
    }
};

using Body = std::function<asio::awaitable<void>(asio::io_context&, SlowServer&, WSClient&)>;

void withSlowServer(const Body& body, WSClientOptions options = {})
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            SlowServer slow;
            ScriptedServer server(io, slow.script(), 4096);
            options.url = server.url();
            WSClient client(io, options);
            co_await client.connect();
            co_await body(io, slow, client);
            slow.reads = true;
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

}  // namespace

TEST_CASE("a request that waits for room keeps its deadline, says so, and was never sent")
{
    withSlowServer(
        [](asio::io_context& io, SlowServer& server, WSClient& client) -> asio::awaitable<void>
        {
            Beside much(io.get_executor(), publishMuch(client));
            co_await turnsOfLoop(5);
            std::vector<Beside> all;
            all.emplace_back(io.get_executor(), publishOn(client, "a"));
            all.emplace_back(io.get_executor(), subscribeTo(client, "b"));
            all.emplace_back(io.get_executor(), client.unsubscribe("c"));
            all.emplace_back(io.get_executor(), client.send(PublishMessage{.topic = "d"}));
            all.emplace_back(io.get_executor(), client.sendAndWait(PublishMessage{.topic = "e"}, 30ms));
            for (auto& one : all)
            {
                const auto outcome = co_await one.ended();
                CHECK(outcome.errc == Errc::timedOut);
                CHECK_MESSAGE(outcome.says("the server took nothing in time for '"), outcome.text);
            }
            CHECK(client.isConnected());
            CHECK_FALSE(much.hasEnded());
            server.reads = true;
            CHECK((co_await much.ended()).went());
            static_cast<void>(co_await client.sendAndWait(PublishMessage{.topic = "after"}, 0ms));
            CHECK(server.requests == Texts{"publish much", "publish after"});
        },
        {.url = {}, .messageTimeout = 50ms});
}

TEST_CASE("who waits for room may be cancelled, wherever in the line, and the others go in their order")
{
    withSlowServer(
        [](asio::io_context& io, SlowServer& server, WSClient& client) -> asio::awaitable<void>
        {
            Beside much(io.get_executor(), publishMuch(client));
            co_await turnsOfLoop(5);
            std::vector<Beside> all;
            for (int number = 0; number < 9; ++number)
                all.emplace_back(io.get_executor(), publishOn(client, std::to_string(number)));
            for (const std::size_t number : {0U, 4U, 8U})
            {
                all[number].cancel();
                CHECK((co_await all[number].ended()).errc == Errc::cancelled);
            }
            server.reads = true;
            for (const std::size_t number : {1U, 2U, 3U, 5U, 6U, 7U})
                CHECK((co_await all[number].ended()).went());
            CHECK((co_await much.ended()).went());
            CHECK(server.requests == Texts{"publish much", "publish 1", "publish 2", "publish 3", "publish 5",
                                           "publish 6", "publish 7"});
        });
}

TEST_CASE("disconnect() ends those who wait for room")
{
    withSlowServer(
        [](asio::io_context& io, SlowServer&, WSClient& client) -> asio::awaitable<void>
        {
            Beside much(io.get_executor(), publishMuch(client));
            co_await turnsOfLoop(5);
            Beside waits(io.get_executor(), publishOn(client, "a"));
            co_await turnsOfLoop(5);
            CHECK_FALSE(waits.hasEnded());
            co_await client.disconnect();
            CHECK((co_await waits.ended()).errc == Errc::disconnected);
            CHECK((co_await much.ended()).errc == Errc::disconnected);
        },
        {.url = {}, .closeTimeout = 30ms});
}

TEST_CASE("subscribes that end before their ack are taken back by one request, which waits its turn for room")
{
    withSlowServer(
        [](asio::io_context& io, SlowServer& server, WSClient& client) -> asio::awaitable<void>
        {
            std::vector<Beside> given;
            for (const auto* const topic : {"c", "a", "b", "again"})
                given.emplace_back(io.get_executor(), subscribeTo(client, topic));
            Beside much(io.get_executor(), publishMuch(client));
            co_await turnsOfLoop(5);
            Beside before(io.get_executor(), publishOn(client, "before"));
            co_await turnsOfLoop(5);
            for (auto& one : given)
            {
                one.cancel();
                CHECK((co_await one.ended()).errc == Errc::cancelled);
            }
            Beside again(io.get_executor(), subscribeTo(client, "again"));
            co_await turnsOfLoop(5);
            server.reads = true;
            CHECK((co_await before.ended()).went());
            CHECK((co_await again.ended()).went());
            CHECK((co_await much.ended()).went());
            CHECK(server.requests == Texts{"subscribe c", "subscribe a", "subscribe b", "subscribe again",
                                           "publish much", "publish before", "unsubscribe a,again,b,c",
                                           "subscribe again"});
        });
}
