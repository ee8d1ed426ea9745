#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/error.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string under1_1(std::string_view type, std::string_view fields)
{
    auto text = serverMessage(type, fields);
    text.replace(text.find("1.0.0"), 5, "1.1.0");
    return text;
}

/// Offers 1.1.0, and gives the client's answer once it has acked it.
asio::awaitable<boost::json::object> offerBoth(ServerEnd& client)
{
    co_await client.upgrade();
    co_await client.negotiate(R"(["1.1.0","1.0.0"])");
    auto selection = co_await client.expect("version-negotiation");
    co_await client.say(under1_1(
        "ack",
        fmt::format(
            R"("messageId":"{}","success":true,"clientId":"c-7","dedupWindow":0,"maxMessageSize":4194304)",
            idOf(selection))));
    co_return selection;
}

void run(const ScriptedServer::Script& script, const std::function<asio::awaitable<void>(WSClient&)>& body,
         WSClientOptions options = {})
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, script);
            options.url = server.url();
            options.reconnectInterval = 0ms;
            WSClient client(io, options);
            co_await body(client);
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

/// The topics of the events that are there, and `gap`, `resumed`.
std::vector<std::string> taken(EventStream<Delivery>& stream)
{
    std::vector<std::string> all;
    while (const auto item = stream.tryNext())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*item))
            all.push_back(event->topic + (event->data ? " " + event->data->text() : ""));
        else
            all.emplace_back(std::holds_alternative<Gap>(*item) ? "gap" : "resumed");
    }
    return all;
}

}  // namespace

TEST_CASE("a server that offers 1.1.0 is asked for it before anything else, by one session for ever")
{
    std::vector<std::string> sessions;
    run(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            const auto selection = co_await offerBoth(client);
            CHECK(selection.at("version") == "1.0.0");
            CHECK(selection.at("selectedVersion") == "1.1.0");
            sessions.emplace_back(selection.at("session").as_string());
            const auto auth = co_await client.expect("auth");
            CHECK(auth.at("version") == "1.1.0");
            co_await client.say(
                under1_1("ack", fmt::format(R"("messageId":"{}","success":true)", idOf(auth))));
            const auto publish = co_await client.expect("publish");
            CHECK(publish.at("version") == "1.1.0");
            if (number == 1) co_return client.reset();
            co_await client.say(under1_1(
                "ack", fmt::format(R"("messageId":"{}","success":true,"sequenceNumber":41)", idOf(publish))));
            co_await client.grantAll();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            const auto receipt = co_await client.publish("a");
            CHECK(receipt.sequenceNumber == 41);
            int authenticated = 0;
            while (const auto happened = life.tryNext())
                if (const auto* const yes = std::get_if<Authenticated>(&*happened))
                {
                    ++authenticated;
                    CHECK(yes->clientId == "c-7");
                }
            CHECK(authenticated == 2);
        },
        {.url = {}, .token = "t"});
    REQUIRE(sessions.size() == 2);
    CHECK(sessions[0] == sessions[1]);
    CHECK(sessions[0].size() == 22);
    CHECK(sessions[0].find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
}

TEST_CASE("two clients have two sessions")
{
    std::vector<std::string> sessions;
    for (int round = 0; round < 2; ++round)
        run(
            [&](ServerEnd& client, int) -> asio::awaitable<void>
            {
                const auto selection = co_await offerBoth(client);
                sessions.emplace_back(selection.at("session").as_string());
                co_await client.grantAll();
            },
            [](WSClient& client) -> asio::awaitable<void> { co_await client.connect(); });
    REQUIRE(sessions.size() == 2);
    CHECK(sessions[0] != sessions[1]);
}

TEST_CASE("a server of 1.0.0 alone is not asked for another version, and sees none of its fields")
{
    run(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            const auto subscribe = co_await client.grant("subscribe");
            CHECK(subscribe.at("version") == "1.0.0");
            CHECK_FALSE(subscribe.contains("last"));
            co_await client.event("a", "1", 1);
            co_await client.grantAll();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            auto stream = co_await client.subscribe("a", {.last = 3});
            CHECK(std::holds_alternative<EventMessage>((co_await stream.next()).value()));
        });
}

TEST_CASE("a server that takes its offer back is told apart from one that cannot be reached")
{
    run(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.upgrade();
            co_await client.negotiate(R"(["1.1.0","1.0.0"])");
            const auto selection = co_await client.expect("version-negotiation");
            co_await client.refuse(idOf(selection), "UNSUPPORTED_VERSION", "Not today");
            co_await client.ignoreAll();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            std::string failed;
            try
            {
                co_await client.connect();
            }
            catch (const RemoteError& error)
            {
                failed = error.what();
            }
            CHECK_MESSAGE(failed.find("Not today") != std::string::npos, failed);
        });
}

TEST_CASE("what is replayed comes to the stream that asked for it, and to no other")
{
    run(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await offerBoth(client);
            co_await client.grant("subscribe");
            const auto second = co_await client.grant("subscribe");
            CHECK(second.at("last") == 2);
            const auto say = [&](std::string fields, bool isReplayed)
            {
                if (isReplayed) fields += fmt::format(R"(,"replay":"{}")", idOf(second));
                return client.say(under1_1("event", fields));
            };
            co_await say(R"("topic":"a","data":1,"sequenceNumber":1)", true);
            co_await say(R"("topic":"b","data":1,"sequenceNumber":1)", false);
            co_await say(R"("topic":"a","data":2,"sequenceNumber":2)", true);
            // It is new, and of both: ordinary for who had the topic, and replayed at its place.
            co_await say(R"("topic":"a","data":9,"sequenceNumber":9)", false);
            co_await say(R"("topic":"a","data":9,"sequenceNumber":9)", true);
            co_await say(R"("live":true)", true);
            co_await say(R"("topic":"a","data":3,"sequenceNumber":3)", false);
            // One that nobody asked for.
            co_await client.say(
                under1_1("event", R"("topic":"a","data":4,"sequenceNumber":4,"replay":"other")"));
            co_await client.say(under1_1("event", R"("topic":"end")"));
            co_await client.grantAll();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            auto all = client.events();
            co_await client.connect();
            auto first = co_await client.subscribe({"a", "b"});
            auto second = co_await client.subscribe("a", {.last = 2});
            auto end = client.events("end");
            static_cast<void>(co_await end.next());
            using Texts = std::vector<std::string>;
            CHECK(taken(second) == Texts{"a 1", "a 2", "a 9", "a 3"});
            CHECK(taken(first) == Texts{"b 1", "a 9", "a 3"});
            CHECK(taken(all) == Texts{"b 1", "a 9", "a 3", "end"});
        });
}

TEST_CASE("a replay that a lost connection cut short leaves a gap in its place")
{
    run(
        [](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await offerBoth(client);
            const auto subscribe = co_await client.grant("subscribe");
            if (number > 1)
            {
                CHECK_FALSE(subscribe.contains("last"));
                co_await client.say(under1_1("event", R"("topic":"end")"));
                co_await client.grantAll();
                co_return;
            }
            co_await client.say(
                under1_1("event", fmt::format(R"("topic":"a","data":1,"replay":"{}")", idOf(subscribe))));
            client.reset();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            auto end = client.events("end");
            auto stream = co_await client.subscribe("a", {.last = 2});
            while (const auto item = co_await end.next())
                if (std::holds_alternative<EventMessage>(*item)) break;
            auto items = taken(stream);
            // What a reset cuts off may never have come.
            if (!items.empty() && items.front() == "a 1") items.erase(items.begin());
            CHECK(items == std::vector<std::string>{"gap", "resumed"});
        });
}

TEST_CASE("to ask for no last event at all is an error of the caller's")
{
    run(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            co_await client.grantAll();
        },
        [](WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            auto failed = Errc::refused;
            try
            {
                static_cast<void>(co_await client.subscribe("a", {.last = 0}));
            }
            catch (const Error& error)
            {
                failed = error.errc();
            }
            CHECK(failed == Errc::invalidArgument);
        });
}
