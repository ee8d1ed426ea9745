#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/use_future.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// A delivery in short: `a=1`, `gap`, `gap 3`, `lost`, `resumed`.
std::string brief(const Delivery& delivery)
{
    if (const auto* const event = std::get_if<EventMessage>(&delivery))
        return fmt::format("{}={}", event->topic, event->data->text());
    if (std::holds_alternative<Resumed>(delivery)) return "resumed";
    const auto& gap = std::get<Gap>(delivery);
    const std::string name = gap.reason == Gap::Reason::disconnected ? "lost" : "gap";
    return gap.missed ? fmt::format("{} {}", name, *gap.missed) : name;
}

/// What is in a stream now.
std::vector<std::string> taken(EventStream<Delivery>& stream)
{
    std::vector<std::string> all;
    while (const auto delivery = stream.tryNext()) all.push_back(brief(*delivery));
    return all;
}

/// All that comes until the end.
asio::awaitable<std::vector<std::string>> rest(EventStream<Delivery>& stream)
{
    std::vector<std::string> all;
    while (const auto delivery = co_await stream.next()) all.push_back(brief(*delivery));
    co_return all;
}

using Texts = std::vector<std::string>;

std::vector<std::string> topicsOf(const boost::json::object& message)
{
    std::vector<std::string> topics;
    for (const auto& topic : message.at("topics").as_array()) topics.emplace_back(topic.as_string());
    return topics;
}

/// A server that keeps what it is asked, grants all, and answers a publish with an event of the same topic
/// and data before the ack.
struct Echo
{
    std::vector<std::string> requests;  // `subscribe a,b`

    asio::awaitable<void> serve(ServerEnd& client)
    {
        co_await client.open();
        while (const auto message = co_await client.message())
        {
            const std::string type(message->at("type").as_string());
            if (type == "publish")
                co_await client.event(std::string(message->at("topic").as_string()),
                                      std::to_string(message->at("data").as_int64()), 1);
            else
                requests.push_back(fmt::format("{} {}", type, fmt::join(topicsOf(*message), ",")));
            co_await client.ack(idOf(*message));
        }
    }

    ScriptedServer::Script script()
    {
        return [this](ServerEnd& client, int) { return serve(client); };
    }
};

void withEcho(const std::function<asio::awaitable<void>(WSClient&, Echo&)>& body,
              WSClientOptions options = {})
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            Echo echo;
            ScriptedServer server(io, echo.script());
            options.url = server.url();
            WSClient client(io, options);
            co_await client.connect();
            co_await body(client, echo);
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

/// A thread of its own for one io_context.
struct OtherThread
{
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    std::thread thread{[this] { io.run(); }};

    ~OtherThread()
    {
        work.reset();
        thread.join();
    }
};

}  // namespace

TEST_CASE("a topic is unsubscribed on the server with the last of those who subscribed to it")
{
    withEcho(
        [](WSClient& client, Echo& echo) -> asio::awaitable<void>
        {
            const auto first = co_await client.subscribe({"a", "b"});
            const auto second = co_await client.subscribe({"a", "c"});
            co_await client.unsubscribe("a");
            CHECK(echo.requests == Texts{"subscribe a,b", "subscribe a,c"});
            co_await client.unsubscribe({"a", "b"});
            CHECK(echo.requests.back() == "unsubscribe a,b");
            co_await client.unsubscribe({"a", "b", "never"});
            CHECK(echo.requests.size() == 3);
            co_await client.unsubscribe("c");
            CHECK(echo.requests.back() == "unsubscribe c");
        });
}

TEST_CASE("letting go of a stream unsubscribes nothing")
{
    withEcho(
        [](WSClient& client, Echo& echo) -> asio::awaitable<void>
        {
            static_cast<void>(co_await client.subscribe("a"));
            co_await client.publish("a", 1);
            CHECK(echo.requests == Texts{"subscribe a"});
        });
}

TEST_CASE("each stream has what matches its own patterns, and events() has everything")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto all = client.events();
            auto agents = client.events("agent.*.status");
            auto exact = co_await client.subscribe("agent.7.status");
            auto many = co_await client.subscribe({"task.#", "agent.7.*"});
            auto none = co_await client.subscribe(Topics());
            CHECK_FALSE(co_await none.next());
            co_await client.publish("agent.7.status", 1);
            co_await client.publish("agent.8.status", 2);
            co_await client.publish("task.a.b", 3);
            co_await client.publish("agent.7.logs", 4);
            CHECK(taken(all) ==
                  Texts{"agent.7.status=1", "agent.8.status=2", "task.a.b=3", "agent.7.logs=4"});
            CHECK(taken(agents) == Texts{"agent.7.status=1", "agent.8.status=2"});
            CHECK(taken(exact) == Texts{"agent.7.status=1"});
            CHECK(taken(many) == Texts{"agent.7.status=1", "task.a.b=3", "agent.7.logs=4"});
        });
}

TEST_CASE("events that come right before and right behind a subscribe's ack are in its stream")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(
                io,
                [](ServerEnd& client, int) -> asio::awaitable<void>
                {
                    co_await client.open();
                    const auto id = idOf(co_await client.expect("subscribe"));
                    const auto text = [](std::string_view message)
                    { return wire::unmasked(wire::text, message); };
                    const auto event = [&](int number)
                    { return text(serverMessage("event", fmt::format(R"("topic":"a","data":{})", number))); };
                    auto bytes = event(1);
                    bytes +=
                        text(serverMessage("ack", fmt::format(R"("messageId":"{}","success":true)", id)));
                    co_await client.write(bytes + event(2) + event(3));
                    co_await client.grantAll();
                });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            auto events = co_await client.subscribe("a");
            co_await client.publish("x");
            CHECK(taken(events) == Texts{"a=1", "a=2", "a=3"});
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("all streams end at disconnect(), after what was there, and those made later live on")
{
    withEcho(
        [](WSClient& client, Echo& echo) -> asio::awaitable<void>
        {
            auto events = co_await client.subscribe("a");
            auto life = client.lifecycle();
            co_await client.publish("a", 1);
            co_await client.disconnect();
            CHECK(co_await rest(events) == Texts{"a=1"});
            while (co_await life.next())
            {
            }
            auto later = client.events();
            co_await client.connect();
            co_await client.publish("a", 2);
            CHECK(taken(later) == Texts{"a=2"});
            // What was subscribed went with the disconnect.
            CHECK(echo.requests == Texts{"subscribe a"});
        });
}

TEST_CASE("a reader that waits for the next event learns of the end")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events();
            auto life = client.lifecycle();
            const auto executor = co_await asio::this_coro::executor;
            Beside reader(executor, events.next());
            Beside other(executor,
                         [](EventStream<Lifecycle>& stream) -> asio::awaitable<void>
                         {
                             while (co_await stream.next())
                             {
                             }
                         }(life));
            co_await turnsOfLoop(5);
            CHECK_FALSE(reader.hasEnded());
            co_await client.disconnect();
            CHECK((co_await reader.ended()).went());
            CHECK((co_await other.ended()).went());
        });
}

TEST_CASE("a full stream drops its oldest and has one Gap in their place, which counts them")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events();
            for (int number = 1; number <= 3; ++number) co_await client.publish("a", number);
            CHECK(taken(events) == Texts{"a=1", "a=2", "a=3"});
            for (int number = 4; number <= 10; ++number) co_await client.publish("a", number);
            // The first look takes the gap; what is dropped after that is another gap.
            CHECK(brief((co_await events.next()).value()) == "gap 4");
            CHECK(brief((co_await events.next()).value()) == "a=8");
            for (int number = 11; number <= 13; ++number) co_await client.publish("a", number);
            CHECK(taken(events) == Texts{"gap 2", "a=11", "a=12", "a=13"});
        },
        {.url = {}, .queueSize = 3});
}

TEST_CASE("withoutGaps() gives the events alone")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events().withoutGaps();
            for (int number = 1; number <= 5; ++number) co_await client.publish("a", number);
            CHECK((co_await events.next())->data->text() == "4");
            CHECK((co_await events.next())->data->text() == "5");
            CHECK_FALSE(events.tryNext());
            co_await client.disconnect();
            CHECK_FALSE(co_await events.next());
        },
        {.url = {}, .queueSize = 2});
}

TEST_CASE("a closed stream hears nothing more, keeps nothing, and ends a next() that waits")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events();
            co_await client.publish("a", 1);
            events.close();
            events.close();
            CHECK_FALSE(events.tryNext());
            CHECK_FALSE(co_await events.next());
            auto others = client.events();
            Beside reader(co_await asio::this_coro::executor, others.next());
            co_await turnsOfLoop(5);
            CHECK_FALSE(reader.hasEnded());
            others.close();
            CHECK((co_await reader.ended()).went());
        });
}

TEST_CASE("a stream that was moved goes on where it is now, and the old one has ended")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events();
            co_await client.publish("a", 1);
            auto moved = std::move(events);
            co_await client.publish("a", 2);
            CHECK_FALSE(co_await events.next());  // NOLINT(bugprone-use-after-move): that is the question
            CHECK(taken(moved) == Texts{"a=1", "a=2"});
            auto target = client.events();
            target = std::move(moved);
            co_await client.publish("a", 3);
            CHECK(taken(target) == Texts{"a=3"});
        });
}

TEST_CASE("a cancelled next() loses no event, at whichever moment it is cancelled")
{
    withEcho(
        [](WSClient& client, Echo&) -> asio::awaitable<void>
        {
            auto events = client.events();
            const auto executor = co_await asio::this_coro::executor;
            int seen = 0;
            int cancelled = 0;
            const auto take = [](EventStream<Delivery>& stream, int& last) -> asio::awaitable<void>
            {
                const auto next = co_await stream.next();
                CHECK(brief(next.value()) == fmt::format("a={}", ++last));
            };
            for (int round = 1; round <= 60; ++round)
            {
                Beside reader(executor, take(events, seen));
                Beside publish(executor, [](WSClient& by, int number) -> asio::awaitable<void>
                               { co_await by.publish("a", number); }(client, round));
                co_await turnsOfLoop(round % 20);
                reader.cancel();
                const auto outcome = co_await reader.ended();
                if (!outcome.went()) CHECK(outcome.errc == Errc::cancelled);
                cancelled += outcome.went() ? 0 : 1;
                co_await publish.ended();
            }
            while (const auto delivery = events.tryNext())
                CHECK(brief(*delivery) == fmt::format("a={}", ++seen));
            CHECK(seen == 60);
            CHECK(cancelled > 0);
        });
}

TEST_CASE("a lost connection is a Gap in every stream, and Resumed follows once all is subscribed again")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            std::vector<std::vector<std::string>> again;
            ScriptedServer server(io,
                                  [&](ServerEnd& client, int number) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      if (number == 1)
                                      {
                                          co_await client.grant("subscribe");
                                          co_await client.grant("subscribe");
                                          co_await client.event("a", "1", 1);
                                          co_await client.expect("publish");
                                          co_return client.reset();
                                      }
                                      const auto request = co_await client.expect("subscribe");
                                      again.push_back(topicsOf(request));
                                      co_await client.event("a", "2", 9);
                                      co_await client.ack(idOf(request));
                                      co_await client.event("a", "3", 10);
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnectInterval = 0ms});
            auto life = client.lifecycle();
            co_await client.connect();
            auto events = co_await client.subscribe("a");
            auto other = co_await client.subscribe({"b.*", "a"});
            co_await client.publish("x");
            // Every topic once, however many want it.
            CHECK(again == std::vector<Texts>{{"a", "b.*"}});
            CHECK(taken(events) == Texts{"a=1", "lost", "a=2", "resumed", "a=3"});
            CHECK(taken(other) == Texts{"a=1", "lost", "a=2", "resumed", "a=3"});
            co_await client.disconnect();
            std::vector<std::size_t> kinds;
            while (const auto happened = co_await life.next()) kinds.push_back(happened->index());
            CHECK(kinds == std::vector<std::size_t>{0, 2, 1, 3, 0, 2, 1});
            server.stop();
        });
}

TEST_CASE("a connection that is lost while all is subscribed again is replaced, until one resumes")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int number) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      if (number == 1) co_await client.grant("subscribe");
                                      const auto request =
                                          co_await client.expect(number == 1 ? "publish" : "subscribe");
                                      // The answer and the end may come in one turn.
                                      if (number == 3) co_await client.ack(idOf(request));
                                      if (number <= 3) co_return client.reset();
                                      co_await client.ack(idOf(request));
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnectInterval = 0ms});
            co_await client.connect();
            auto events = co_await client.subscribe("a");
            co_await client.publish("x");
            const auto all = taken(events);
            CHECK(all.front() == "lost");
            CHECK(all.back() == "resumed");
            CHECK(all[all.size() - 2] == "lost");
            CHECK(server.connections() == 4);
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("a gap of a lost connection swallows what a full stream drops beside it")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int number) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      for (int event = 1; event <= 3; ++event)
                                          co_await client.event("a", std::to_string(number * 10 + event), 1);
                                      co_await client.expect("publish");
                                      if (number == 1) co_return client.reset();
                                      co_await client.ignoreAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnectInterval = 0ms, .queueSize = 3});
            auto events = client.events();
            co_await client.connect();
            const auto once = OnDisconnect::fail;
            const auto first = co_await outcomeOf(client.publish("x", std::nullopt, Broadcast::no, once));
            CHECK(first.errc == Errc::disconnected);
            const auto second = co_await outcomeOf(client.sendAndWait(PublishMessage{.topic = "x"}, 50ms));
            CHECK(second.errc == Errc::timedOut);
            // Dropped: 11, 12, 13, the loss, and Resumed, which says nothing without what went before it.
            CHECK(taken(events) == Texts{"lost", "a=21", "a=22", "a=23"});
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("streams are read, closed and made on other threads than the client's")
{
    constexpr int count = 2000;
    OtherThread shard;
    OtherThread reader;
    Echo echo;
    std::optional<ScriptedServer> server;
    std::optional<WSClient> client;
    const auto onShard = [&](auto operation)
    { return asio::co_spawn(shard.io, std::move(operation), asio::use_future).get(); };
    onShard(
        [&]() -> asio::awaitable<void>
        {
            server.emplace(shard.io, echo.script());
            client.emplace(shard.io, WSClientOptions{.url = server->url(), .queueSize = count});
            co_await client->connect();
        });

    // From a third thread, through hops, while the second reads and this one looks.
    auto read = asio::co_spawn(
        reader.io,
        [&]() -> asio::awaitable<int>
        {
            auto events = co_await client->subscribe("a");
            int seen = 0;
            while (const auto delivery = co_await events.next())
            {
                ++seen;
                if (brief(*delivery) != fmt::format("a={}", seen)) break;
                if (seen == count) break;
            }
            events.close();
            co_return seen;
        },
        asio::use_future);
    auto spoken = asio::co_spawn(
        shard.io,
        [&]() -> asio::awaitable<void>
        {
            co_await until([&] { return !echo.requests.empty(); });
            for (int number = 1; number <= count; ++number)
                co_await client->send(PublishMessage{.topic = "a", .data = Json(number)});
        },
        asio::use_future);
    for (int round = 0; round < 200; ++round)
    {
        auto passing = client->events("a");
        static_cast<void>(passing.tryNext());
        static_cast<void>(client->isConnected());
    }
    // A reader of the second thread is ended from this one.
    auto waiting = std::make_shared<EventStream<Delivery>>(client->events("never"));
    auto ended = asio::co_spawn(reader.io, [waiting] { return waiting->next(); }, asio::use_future);
    spoken.get();
    CHECK(read.get() == count);
    onShard([&]() -> asio::awaitable<void> { co_await client->disconnect(); });
    CHECK_FALSE(ended.get());
    onShard(
        [&]() -> asio::awaitable<void>
        {
            client.reset();
            server->stop();
            co_await until([&] { return server->running() == 0; });
            server.reset();  // here, where its strands look at it
        });
}

TEST_CASE("who waits for an answer and who waits for an event go on in the order in which the two came")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(
                io,
                [](ServerEnd& client, int) -> asio::awaitable<void>
                {
                    co_await client.open();
                    for (int round = 0;; ++round)
                    {
                        const auto publish = co_await client.message();
                        if (!publish) co_return;
                        const auto ack = serverMessage(
                            "ack", fmt::format(R"("messageId":"{}","success":true)", idOf(*publish)));
                        const auto event = serverMessage("event", R"("topic":"a","data":1)");
                        const auto& first = round % 2 == 0 ? ack : event;
                        const auto& second = round % 2 == 0 ? event : ack;
                        // In one piece, or each for itself.
                        if (round % 4 < 2)
                        {
                            co_await client.write(wire::unmasked(wire::text, first) +
                                                  wire::unmasked(wire::text, second));
                            continue;
                        }
                        co_await client.say(first);
                        co_await client.say(second);
                    }
                });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            std::vector<std::string> order;
            auto events = client.events("a");
            asio::co_spawn(
                io,
                [](EventStream<Delivery>& stream, std::vector<std::string>& seen) -> asio::awaitable<void>
                {
                    while (co_await stream.next()) seen.emplace_back("event");
                }(events, order),
                asio::detached);
            for (int round = 0; round < 80; ++round)
            {
                CAPTURE(round);
                co_await client.publish("b", 1);
                order.emplace_back("answer");
                co_await until([&] { return order.size() == 2; });
                CHECK(order == (round % 2 == 0 ? Texts{"answer", "event"} : Texts{"event", "answer"}));
                order.clear();
            }
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("who reads an event may end the client there and then, and more of the same piece does no harm")
{
    enum class Deed
    {
        closesStream,
        disconnects,
        destroys,
        listensAnew,
    };
    for (const auto deed : {Deed::closesStream, Deed::disconnects, Deed::destroys, Deed::listensAnew})
    {
        CAPTURE(static_cast<int>(deed));
        runToEnd(
            [deed](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(
                    io,
                    [](ServerEnd& client, int) -> asio::awaitable<void>
                    {
                        co_await client.open();
                        std::string piece;
                        for (int number = 0; number < 50; ++number)
                            piece += wire::unmasked(
                                wire::text,
                                serverMessage("event", fmt::format(R"("topic":"a","data":{})", number)));
                        co_await client.grant("publish");
                        co_await client.write(piece + piece);
                        co_await client.grantAll();
                    });
                auto client = std::make_unique<WSClient>(io, WSClientOptions{.url = server.url()});
                co_await client->connect();
                auto first = client->events("a");
                auto other = client->events("#");
                co_await client->publish("b", 1);
                CHECK(brief(*co_await first.next()) == "a=0");
                std::vector<std::string> rest;
                switch (deed)
                {
                case Deed::closesStream: first.close(); break;
                case Deed::disconnects: co_await client->disconnect(); break;
                case Deed::destroys: client.reset(); break;
                case Deed::listensAnew: first = client->events("a"); break;
                }
                if (client && deed != Deed::disconnects) co_await client->disconnect();
                while (const auto delivery = co_await other.next()) rest.push_back(brief(*delivery));
                CHECK(rest.size() >= 1);
                co_await until([&] { return server.running() == 0; });
                server.stop();
            });
    }
}
