#include "support/fake_clock.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Texts = std::vector<std::string>;

/// `publish a`, `subscribe a,b`, `auth`.
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

/// What a stream's items are: topics, `lost`, `gap`, `resumed`.
Texts taken(EventStream<Delivery>& stream)
{
    Texts all;
    while (const auto item = stream.tryNext())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*item)) all.push_back(event->topic);
        if (std::holds_alternative<Resumed>(*item)) all.emplace_back("resumed");
        if (const auto* const gap = std::get_if<Gap>(&*item))
            all.emplace_back(gap->reason == Gap::Reason::disconnected ? "lost" : "gap");
    }
    return all;
}

std::string brief(const Lifecycle& happened)
{
    if (std::holds_alternative<Connected>(happened)) return "connected";
    if (std::holds_alternative<Authenticated>(happened)) return "authenticated";
    if (std::holds_alternative<Pong>(happened)) return "pong";
    if (const auto* const end = std::get_if<Disconnected>(&happened))
        return fmt::format("disconnected {}", static_cast<int>(end->reason.code));
    if (const auto* const again = std::get_if<Reconnecting>(&happened))
        return fmt::format("reconnecting {}", again->attempt);
    return "error";
}

Texts taken(EventStream<Lifecycle>& stream)
{
    Texts all;
    while (const auto item = stream.tryNext()) all.push_back(brief(*item));
    return all;
}

using Script = ScriptedServer::Script;
using Body = std::function<asio::awaitable<void>(asio::io_context&, ScriptedServer&, WSClient&)>;

void withServer(const Script& script, const Body& body, WSClientOptions options = {})
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, script);
            options.url = server.url();
            if (options.reconnectInterval == 5s) options.reconnectInterval = 0ms;
            WSClient client(io, options);
            co_await body(io, server, client);
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

/// Keeps what comes, and acks all of it until the client goes.
asio::awaitable<void> record(ServerEnd& client, Texts& requests)
{
    while (const auto message = co_await client.message())
    {
        requests.push_back(brief(*message));
        co_await client.ack(idOf(*message));
    }
}

asio::awaitable<void> publishOne(WSClient& client, std::string topic)
{
    static_cast<void>(co_await client.publish(std::move(topic)));
}

asio::awaitable<void> publishOnce(WSClient& client, std::string topic)
{
    static_cast<void>(
        co_await client.publish(std::move(topic), std::nullopt, Broadcast::no, OnDisconnect::fail));
}

}  // namespace

TEST_CASE(
    "a lost connection is replaced: first the token, then all topics at once, then what waited in order")
{
    Texts requests;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (number > 1) co_return co_await record(client, requests);
            co_await client.grant("auth");
            co_await client.grant("subscribe");
            co_await client.grant("subscribe");
            co_await client.expect("publish");
            client.reset();
        },
        [&](asio::io_context& io, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            auto events = co_await client.subscribe({"b", "a"});
            const auto others = co_await client.subscribe({"a", "c.#"});
            Beside inFlight(io.get_executor(), publishOne(client, "first"));
            co_await until([&] { return !client.isConnected(); });
            std::vector<Beside> queued;
            for (const auto* const topic : {"second", "third", "fourth"})
                queued.emplace_back(io.get_executor(), publishOne(client, topic));
            CHECK((co_await inFlight.ended()).went());
            for (auto& one : queued) CHECK((co_await one.ended()).went());
            CHECK(requests == Texts{"auth", "subscribe a,b,c.#", "publish first", "publish second",
                                    "publish third", "publish fourth"});
            CHECK(taken(events) == Texts{"lost", "resumed"});
            CHECK(taken(life) == Texts{"connected", "authenticated", "disconnected 1006", "reconnecting 1",
                                       "connected", "authenticated"});
            CHECK(server.connections() == 2);
        },
        {.url = {}, .token = "t"});
}

TEST_CASE("of the requests in flight those are sent again, in their order, that did not ask to fail")
{
    Texts requests;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (number > 1) co_return co_await record(client, requests);
            for (int count = 0; count < 4; ++count) co_await client.expect("publish");
            client.reset();
        },
        [&](asio::io_context& io, ScriptedServer&, WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            Beside first(io.get_executor(), publishOne(client, "1"));
            Beside second(io.get_executor(), publishOnce(client, "2"));
            Beside third(io.get_executor(), publishOne(client, "3"));
            Beside fourth(io.get_executor(), publishOnce(client, "4"));
            CHECK((co_await first.ended()).went());
            CHECK((co_await third.ended()).went());
            for (auto* const failed : {&second, &fourth})
            {
                const auto outcome = co_await failed->ended();
                CHECK(outcome.errc == Errc::disconnected);
                CHECK_MESSAGE(outcome.says("1006"), outcome.text);
            }
            CHECK(requests == Texts{"publish 1", "publish 3"});
        });
}

TEST_CASE("ten thousand requests in flight are all sent again, each once and in order")
{
    constexpr int count = 10'000;
    Texts requests;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (number > 1) co_return co_await record(client, requests);
            for (int index = 0; index < count; ++index) co_await client.expect("publish");
            client.reset();
        },
        [&](asio::io_context& io, ScriptedServer&, WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            std::vector<Beside> all;
            all.reserve(count);
            Texts expected;
            for (int index = 0; index < count; ++index)
            {
                all.emplace_back(io.get_executor(), publishOne(client, std::to_string(index)));
                expected.push_back(fmt::format("publish {}", index));
            }
            for (auto& one : all) CHECK((co_await one.ended()).went());
            CHECK(requests == expected);
        });
}

TEST_CASE(
    "the queue for a connection is bounded, what does not fit learns it at once, and deadlines hold in it")
{
    withServer(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            co_await client.expect("publish");
            client.reset();
        },
        [](asio::io_context& io, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            Beside inFlight(io.get_executor(), publishOne(client, "1"));
            co_await until([&] { return !client.isConnected(); });
            server.stop();
            Beside second(io.get_executor(), client.send(PublishMessage{.topic = "2"}));
            Beside third(io.get_executor(), client.unsubscribe("3"));
            co_await turnsOfLoop(3);
            CHECK_FALSE(inFlight.hasEnded());
            const auto full = co_await outcomeOf(publishOne(client, "4"));
            CHECK(full.errc == Errc::queueFull);
            CHECK_MESSAGE(full.says("3 requests"), full.text);
            for (auto* const late : {&inFlight, &second, &third})
            {
                const auto outcome = co_await late->ended();
                CHECK(outcome.errc == Errc::timedOut);
                CHECK_MESSAGE(outcome.says("no connection in time for '"), outcome.text);
            }
        },
        {.url = {}, .messageTimeout = 60ms, .reconnectMaxInterval = 5ms, .queueSize = 3});
}

TEST_CASE(
    "a connection that is closed for a final reason is not replaced, which the lifecycle says; streams end")
{
    for (const unsigned code :
         {1002U, 1003U, 1007U, 1010U, 1000U, 1001U, 1008U, 1009U, 1011U, 1012U, 1013U, 4000U})
    {
        CAPTURE(code);
        const bool isFinal = code == 1002 || code == 1003 || code == 1007 || code == 1010;
        withServer(
            [code](ServerEnd& client, int number) -> asio::awaitable<void>
            {
                co_await client.open();
                if (number > 1)
                {
                    co_await client.grantAll();
                    co_return;
                }
                co_await client.grant("subscribe");
                co_await client.expect("publish");
                co_await client.close(code, "Enough");
                co_await client.ignoreAll();
            },
            [&](asio::io_context&, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
            {
                auto life = client.lifecycle();
                co_await client.connect();
                auto events = co_await client.subscribe("a");
                const auto outcome = co_await outcomeOf(publishOne(client, "x"));
                if (code == 1009)
                {
                    // The message that was too large fails, and the connection is replaced.
                    CHECK(outcome.errc == Errc::messageTooLarge);
                    co_await client.publish("y");
                }
                else
                {
                    CHECK(outcome.went() == !isFinal);
                    if (isFinal) CHECK(outcome.errc == Errc::disconnected);
                }
                if (!isFinal)
                {
                    CHECK(server.connections() == 2);
                    CHECK(taken(events) == Texts{"lost", "resumed"});
                    co_return;
                }
                while (const auto item = co_await events.next()) CHECK(std::holds_alternative<Gap>(*item));
                std::string last;
                while (const auto happened = co_await life.next())
                    if (const auto* const error = std::get_if<ClientError>(&*happened)) last = error->text;
                CHECK_MESSAGE(
                    last.find(fmt::format("not connecting again: close code {}, Enough", code)) == 0, last);
                CHECK(server.connections() == 1);
                // It may be begun anew.
                co_await client.connect();
                co_await client.publish("z");
            });
    }
}

TEST_CASE("a token that is refused when reconnecting is final, and said so")
{
    withServer(
        [](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            const auto id = idOf(co_await client.expect("auth"));
            if (number == 1)
            {
                co_await client.ack(id);
                co_await client.expect("publish");
                co_return client.reset();
            }
            co_await client.refuse(id, "AUTHENTICATION_FAILED", "Invalid credentials");
            co_await client.close(1008, "Authentication failed");
            co_await client.ignoreAll();
        },
        [](asio::io_context&, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            const auto outcome = co_await outcomeOf(publishOne(client, "x"));
            CHECK(outcome.errc == Errc::disconnected);
            Texts errors;
            while (const auto happened = co_await life.next())
                if (const auto* const error = std::get_if<ClientError>(&*happened))
                    errors.push_back(error->text);
            REQUIRE(errors.size() == 2);
            CHECK_MESSAGE(errors[0].find("Invalid credentials") != std::string::npos, errors[0]);
            CHECK(errors[1] == "not connecting again: the server refused the token");
            CHECK(server.connections() == 2);
        },
        {.url = {}, .token = "t"});
}

TEST_CASE("another error that answers the auth, as over the rate limit, is tried again")
{
    withServer(
        [](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            const auto id = idOf(co_await client.expect("auth"));
            if (number == 2)
            {
                co_await client.refuse(id, "RATE_LIMIT_EXCEEDED", "Too many");
                co_await client.ignoreAll();
                co_return;
            }
            co_await client.ack(id);
            if (number == 3) co_return static_cast<void>(co_await client.grantAll());
            co_await client.expect("publish");
            client.reset();
        },
        [](asio::io_context&, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            co_await client.publish("x");
            CHECK(server.connections() == 3);
        },
        {.url = {}, .token = "t"});
}

TEST_CASE("attempts end where a number is set, each is announced and told of, and then all streams end")
{
    withServer(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            co_await client.expect("publish");
            client.reset();
        },
        [](asio::io_context& io, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            Beside waits(io.get_executor(), publishOne(client, "x"));
            co_await until([&] { return !client.isConnected(); });
            server.stop();
            CHECK((co_await waits.ended()).errc == Errc::disconnected);
            Texts all;
            std::string last;
            while (const auto happened = co_await life.next())
            {
                all.push_back(brief(*happened));
                if (const auto* const error = std::get_if<ClientError>(&*happened)) last = error->text;
            }
            CHECK(all == Texts{"connected", "authenticated", "disconnected 1006", "reconnecting 1", "error",
                               "reconnecting 2", "error", "reconnecting 3", "error", "error"});
            CHECK(last == "not connecting again: 3 attempts failed");
        },
        {.url = {}, .reconnectMaxInterval = 2ms, .reconnectMaxAttempts = 3});
}

TEST_CASE("a server that lets its client in and drops it at once uses the attempts up, with no wait between "
          "them too")
{
    withServer(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            co_await client.grant("publish");
            client.reset();
        },
        [](asio::io_context&, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            Outcome outcome;
            for (int number = 0; number < 20 && outcome.errc != Errc::disconnected; ++number)
                outcome = co_await outcomeOf(publishOne(client, "x"));
            CHECK(outcome.errc == Errc::disconnected);
            while (co_await life.next())
            {
            }
            CHECK(server.connections() == 4);
        },
        {.url = {}, .reconnectMaxAttempts = 3});
}

TEST_CASE("the first connect() fails at once, whatever the options say of reconnecting")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            const auto url = fmt::format("ws://127.0.0.1:{}", refusedPort(io));
            WSClient client(io, {.url = url, .reconnectInterval = 0ms});
            auto life = client.lifecycle();
            CHECK((co_await outcomeOf(client.connect())).errc == Errc::connectFailed);
            co_await turnsOfLoop(50);
            CHECK(taken(life).empty());
        });
}

TEST_CASE("what the server refuses for the moment is asked again, and what it refuses for good is found out")
{
    FakeClock clock;
    Texts requests;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (number == 1)
            {
                for (int count = 0; count < 4; ++count) co_await client.grant("subscribe");
                co_await client.expect("publish");
                co_return client.reset();
            }
            bool wasLimited = false;
            while (const auto message = co_await client.message())
            {
                const auto text = brief(*message);
                requests.push_back(text);
                if (!std::exchange(wasLimited, true))
                    co_await client.refuse(idOf(*message), "RATE_LIMIT_EXCEEDED", "Too many");
                else if (text.starts_with("subscribe") && text.find("bad") != std::string::npos)
                    co_await client.refuse(idOf(*message), "AUTHORIZATION_FAILED", "Not yours");
                else
                    co_await client.ack(idOf(*message));
            }
        },
        [&](asio::io_context& io, ScriptedServer&, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            auto good = co_await client.subscribe("a");
            auto bad = co_await client.subscribe("bad");
            auto mixed = co_await client.subscribe({"bad", "c"});
            const auto last = co_await client.subscribe("d");
            Beside publish(io.get_executor(), publishOne(client, "x"));
            co_await until([&] { return !requests.empty(); });
            CHECK_FALSE(client.isConnected());
            co_await until(
                [&]
                {
                    clock.advance(1s);
                    return requests.size() > 1;
                });
            CHECK((co_await publish.ended()).went());
            CHECK(requests == Texts{"subscribe a,bad,c,d", "subscribe a,bad,c,d", "subscribe a,bad",
                                    "subscribe a", "subscribe bad", "subscribe c,d", "publish x"});
            CHECK(taken(good) == Texts{"lost", "resumed"});
            CHECK(taken(bad) == Texts{"lost"});
            CHECK(taken(mixed) == Texts{"lost"});
            Texts errors;
            while (const auto happened = life.tryNext())
                if (const auto* const error = std::get_if<ClientError>(&*happened))
                    errors.push_back(error->text);
            REQUIRE(errors.size() == 1);
            CHECK_MESSAGE(errors[0].find("'bad'") != std::string::npos, errors[0]);
        },
        {.url = {}, .messageTimeout = 0ms, .pingInterval = 0ms, .clock = &clock});
}

TEST_CASE("a server that went silent is noticed within two heartbeats, and the connection is replaced")
{
    FakeClock clock;
    withServer(
        [](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            client.answerPings(number > 1);
            if (number > 1) co_await client.grantAll();
            if (number == 1) co_await client.ignoreAll();
        },
        [&](asio::io_context& io, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            Beside publish(io.get_executor(), publishOne(client, "x"));
            int seconds = 0;
            for (; seconds < 50 && server.connections() < 2; ++seconds)
            {
                clock.advance(1s);
                co_await turnsOfLoop(20);
            }
            CHECK(seconds > 10);
            CHECK(seconds <= 25);  // the sweep is not exact
            CHECK(brief((co_await life.next()).value()) == "connected");
            CHECK(brief((co_await life.next()).value()) == "authenticated");
            CHECK(brief((co_await life.next()).value()) == "disconnected 1006");
            CHECK((co_await publish.ended()).went());
            CHECK(server.connections() == 2);
        },
        {.url = {}, .messageTimeout = 0ms, .pingInterval = 10s, .clock = &clock});
}

TEST_CASE("the waits between attempts grow while none holds, and begin anew after one that held")
{
    FakeClock clock;
    struct MostRandom final : Random
    {
        [[nodiscard]] std::uint64_t next() override { return ++count | 0xFFFF'FFFF'0000'0000; }
        std::uint64_t count = 0;
    } random;
    bool holds = false;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (holds || number == 1) co_await client.expect("publish");
            client.reset();
        },
        [&](asio::io_context& io, ScriptedServer& server, WSClient& client) -> asio::awaitable<void>
        {
            auto life = client.lifecycle();
            co_await client.connect();
            std::vector<std::int64_t> delays;
            const auto collect = [&]
            {
                while (const auto happened = life.tryNext())
                    if (const auto* const again = std::get_if<Reconnecting>(&*happened))
                        delays.push_back((again->delay.count() + 50) / 100);
                return delays.size();
            };
            Beside one(io.get_executor(), client.send(PublishMessage{.topic = "x"}));
            for (std::size_t attempt = 1; attempt <= 4; ++attempt)
            {
                co_await until([&] { return collect() == attempt; });
                if (attempt == 4) holds = true;
                // The moment before the wait is over nothing happens.
                const auto before = server.connections();
                clock.advance(std::chrono::milliseconds(delays.back() * 100 - 60));
                co_await turnsOfLoop(10);
                CHECK(server.connections() == before);
                clock.advance(120ms);
            }
            co_await until([&] { return client.isConnected(); });
            clock.advance(2s);
            co_await client.send(PublishMessage{.topic = "x"});
            co_await until([&] { return collect() == 5; });
            CHECK(delays == std::vector<std::int64_t>{10, 20, 40, 50, 10});
        },
        {.url = {},
         .messageTimeout = 0ms,
         .pingInterval = 0ms,
         .reconnectInterval = 1s,
         .reconnectMaxInterval = 5s,
         .clock = &clock,
         .random = &random});
}

TEST_CASE(
    "a subscribe and an unsubscribe in flight are asked again, and a stream has no loss from before its yes")
{
    Texts requests;
    withServer(
        [&](ServerEnd& client, int number) -> asio::awaitable<void>
        {
            co_await client.open();
            if (number > 1) co_return co_await record(client, requests);
            co_await client.grant("subscribe");
            co_await client.expect("subscribe");
            co_await client.expect("unsubscribe");
            client.reset();
        },
        [&](asio::io_context& io, ScriptedServer&, WSClient& client) -> asio::awaitable<void>
        {
            co_await client.connect();
            const auto old = co_await client.subscribe({"old", "kept"});
            EventStream<Delivery> fresh;
            const auto subscribe = [](WSClient& by, EventStream<Delivery>& stream) -> asio::awaitable<void>
            { stream = co_await by.subscribe("fresh"); };
            Beside first(io.get_executor(), subscribe(client, fresh));
            Beside second(io.get_executor(), client.unsubscribe("old"));
            CHECK((co_await first.ended()).went());
            CHECK((co_await second.ended()).went());
            CHECK(requests == Texts{"subscribe kept", "subscribe fresh", "unsubscribe old"});
            CHECK(taken(fresh).empty());
        });
}
