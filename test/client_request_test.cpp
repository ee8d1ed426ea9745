#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/detached.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

struct Operation
{
    const char* name;
    const char* type;  // of its request
    std::function<asio::awaitable<void>(WSClient&)> run;
};

asio::awaitable<void> subscribeTo(WSClient& client)
{
    static_cast<void>(co_await client.subscribe({"a", "b.*"}));
}

asio::awaitable<void> publishOn(WSClient& client)
{
    static_cast<void>(co_await client.publish("a", {{"x", 1}}));
}

asio::awaitable<void> askOne(WSClient& client, int number, std::vector<std::string>& answered)
{
    const auto id = fmt::format("m-{}", number);
    const auto answer = co_await client.sendAndWait(PublishMessage{.id = id, .topic = "a"});
    CHECK(std::get<AckMessage>(answer).messageId == id);
    answered.push_back(id);
}

asio::awaitable<void> ask(WSClient& client)
{
    const auto answer = co_await client.sendAndWait(PublishMessage{.id = "mine", .topic = "b"});
    CHECK(std::get<AckMessage>(answer).messageId == "mine");
}

const std::vector<Operation>& operations()
{
    static const std::vector<Operation> all = {
        {"subscribe", "subscribe", &subscribeTo},
        {"unsubscribe", "unsubscribe", [](WSClient& client) { return client.unsubscribe("before"); }},
        {"publish", "publish", &publishOn},
        {"sendAndWait", "publish", &ask},
    };
    return all;
}

using Answer = std::function<asio::awaitable<void>(ServerEnd& client, std::string id)>;

/// Runs every operation against a server that answers its request with `answer` and grants all else.
void eachAnsweredWith(const Answer& answer,
                      const std::function<asio::awaitable<void>(WSClient&, Outcome)>& then,
                      WSClientOptions options = {})
{
    for (const auto& operation : operations())
    {
        CAPTURE(operation.name);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io,
                                      [&](ServerEnd& client, int number) -> asio::awaitable<void>
                                      {
                                          co_await client.open();
                                          if (number == 1)
                                          {
                                              co_await client.grant("subscribe");
                                              const auto request = co_await client.expect(operation.type);
                                              co_await answer(client, idOf(request));
                                          }
                                          co_await client.grantAll();
                                      });
                options.url = server.url();
                WSClient client(io, options);
                co_await client.connect();
                co_await client.subscribe("before");
                const auto outcome = co_await outcomeOf(operation.run(client));
                co_await then(client, outcome);
                co_await client.disconnect();
                co_await until([&] { return server.running() == 0; });
                server.stop();
            });
    }
}

/// The connection serves on, and nothing of the request is left: its id may be used again.
asio::awaitable<void> stillWorks(WSClient& client)
{
    CHECK(client.isConnected());
    co_await client.sendAndWait(PublishMessage{.id = "mine", .topic = "after"});
}

asio::awaitable<void> worksAfterReconnect(WSClient& client)
{
    co_await until([&] { return !client.isConnected(); });
    co_await client.connect();
    co_await stillWorks(client);
}

}  // namespace

TEST_CASE("every request ends with its ack")
{
    eachAnsweredWith([](ServerEnd& client, std::string id) { return client.ack(std::move(id)); },
                     [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
                     {
                         CHECK(outcome.went());
                         co_await stillWorks(client);
                     });
}

TEST_CASE("an error that carries the request's id as its own, or as messageId, is the request's RemoteError")
{
    for (const bool byOwnId : {true, false})
        eachAnsweredWith(
            [byOwnId](ServerEnd& client, std::string id)
            {
                return byOwnId ? client.refuse(id, "PUBLISH_FAILED", "Not today")
                               : client.refuse("s-7", "PUBLISH_FAILED", "Not today", id);
            },
            [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
            {
                CHECK(outcome.errc == Errc::refused);
                CHECK(outcome.remoteCode == "PUBLISH_FAILED");
                CHECK_MESSAGE(outcome.says("Not today"), outcome.text);
                co_await stillWorks(client);
            });
}

TEST_CASE("an ack that says no is a RemoteError")
{
    eachAnsweredWith([](ServerEnd& client, std::string id) { return client.ack(std::move(id), false); },
                     [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
                     {
                         CHECK(outcome.errc == Errc::refused);
                         co_await stillWorks(client);
                     });
}

TEST_CASE("a request without an answer times out and says which it was; the connection serves on")
{
    eachAnsweredWith([](ServerEnd&, std::string) -> asio::awaitable<void> { co_return; },
                     [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
                     {
                         CHECK(outcome.errc == Errc::timedOut);
                         CHECK_MESSAGE(outcome.says("in time to '"), outcome.text);
                         co_await stillWorks(client);
                     },
                     {.url = {}, .messageTimeout = 30ms});
}

TEST_CASE("an answer that comes after the timeout disturbs nobody")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      const auto late = co_await client.expect("publish");
                                      const auto next = co_await client.expect("publish");
                                      co_await client.ack(idOf(late));
                                      co_await client.refuse(idOf(late), "PUBLISH_FAILED", "Too late");
                                      co_await client.ack(idOf(next));
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            const auto late = co_await outcomeOf(client.sendAndWait(PublishMessage{.topic = "a"}, 20ms));
            CHECK(late.errc == Errc::timedOut);
            co_await client.publish("a");
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("without reconnecting, the server's Close ends a request with its code and its text")
{
    eachAnsweredWith(
        [](ServerEnd& client, std::string) -> asio::awaitable<void>
        {
            co_await client.close(4001, "Maintenance");
            co_await client.ignoreAll();
        },
        [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
        {
            CHECK(outcome.errc == Errc::disconnected);
            CHECK_MESSAGE(outcome.says("4001, Maintenance"), outcome.text);
            co_await worksAfterReconnect(client);
        },
        {.url = {}, .reconnect = false});
}

TEST_CASE("without reconnecting, a lost connection ends a request with disconnected")
{
    for (const bool reset : {true, false})
        eachAnsweredWith(
            [reset](ServerEnd& client, std::string) -> asio::awaitable<void>
            {
                if (reset) client.reset();
                client.end();
                co_return;
            },
            [](WSClient& client, Outcome outcome) -> asio::awaitable<void>
            {
                CHECK(outcome.errc == Errc::disconnected);
                CHECK_MESSAGE(outcome.says("1006"), outcome.text);
                co_await worksAfterReconnect(client);
            },
            {.url = {}, .reconnect = false});
}

TEST_CASE("disconnect() ends the requests that wait")
{
    for (const auto& operation : operations())
    {
        CAPTURE(operation.name);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io,
                                      [](ServerEnd& client, int) -> asio::awaitable<void>
                                      {
                                          co_await client.open();
                                          co_await client.grant("subscribe");
                                          co_await client.ignoreAll();
                                      });
                WSClient client(io, {.url = server.url()});
                co_await client.connect();
                co_await client.subscribe("before");
                Beside request(io.get_executor(), operation.run(client));
                co_await turnsOfLoop(20);
                co_await client.disconnect();
                const auto outcome = co_await request.ended();
                CHECK(outcome.errc == Errc::disconnected);
                server.stop();
            });
    }
}

TEST_CASE("what is not connected refuses requests, and says to where")
{
    for (const auto& operation : operations())
    {
        CAPTURE(operation.name);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                WSClient client(io, {.url = "ws://127.0.0.1:1/events"});
                const auto outcome = co_await outcomeOf(operation.run(client));
                CHECK(outcome.errc == Errc::disconnected);
                CHECK_MESSAGE(outcome.says("ws://127.0.0.1:1/events"), outcome.text);
            });
    }
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSClient client(io, {.url = "ws://127.0.0.1:1"});
            const auto outcome = co_await outcomeOf(client.send(PingMessage()));
            CHECK(outcome.errc == Errc::disconnected);
            co_await client.disconnect();
        });
}

TEST_CASE("a request may be cancelled at any moment, and the connection serves on")
{
    for (const auto& operation : operations())
    {
        CAPTURE(operation.name);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io,
                                      [](ServerEnd& client, int) -> asio::awaitable<void>
                                      {
                                          co_await client.open();
                                          co_await client.grantAll();
                                      });
                WSClient client(io, {.url = server.url()});
                co_await client.connect();
                int cancelled = 0;
                int finished = 0;
                for (int turns = 0; turns < 25; ++turns)
                {
                    CAPTURE(turns);
                    co_await client.subscribe("before");
                    Beside request(io.get_executor(), operation.run(client));
                    co_await turnsOfLoop(turns);
                    request.cancel();
                    const auto outcome = co_await request.ended();
                    if (!outcome.went()) CHECK(outcome.errc == Errc::cancelled);
                    ++(outcome.went() ? finished : cancelled);
                    co_await stillWorks(client);
                }
                CHECK(cancelled > 0);
                CHECK(finished > 0);
                co_await client.disconnect();
                server.stop();
            });
    }
}

TEST_CASE("ten thousand requests may wait at once, and each gets its own answer in whatever order they come")
{
    static constexpr int count = 10'000;
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(
                io,
                [](ServerEnd& client, int) -> asio::awaitable<void>
                {
                    co_await client.open();
                    std::vector<std::string> ids;
                    for (int index = 0; index < count; ++index)
                        ids.push_back(idOf(co_await client.expect("publish")));
                    std::string answers;
                    for (auto id = ids.rbegin(); id != ids.rend(); ++id)
                        answers +=
                            wire::unmasked(wire::text, serverMessage("ack", fmt::format(R"("messageId":"{}",)"
                                                                                        R"("success":true)",
                                                                                        *id)));
                    co_await client.write(answers);
                    co_await client.grantAll();
                });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            std::vector<std::string> answered;
            for (int index = 0; index < count; ++index)
                asio::co_spawn(io, askOne(client, index, answered), asio::detached);
            co_await until([&] { return answered.size() == count; });
            CHECK(std::set<std::string>(answered.begin(), answered.end()).size() == count);
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("an id that waits for its answer may not be used a second time, and the first one keeps it")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      co_await client.grant("publish");
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            Beside first(io.get_executor(), client.sendAndWait(PublishMessage{.id = "x", .topic = "a"}));
            const auto second =
                co_await outcomeOf(client.sendAndWait(PublishMessage{.id = "x", .topic = "b"}));
            CHECK(second.errc == Errc::invalidArgument);
            CHECK_MESSAGE(second.says("'x'"), second.text);
            const auto outcome = co_await first.ended();
            CHECK(outcome.went());
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("a ping is answered by its pong, and the lifecycle tells the latency")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      co_await client.ignoreAll();
                                  });
            WSClient client(io, {.url = server.url()});
            auto life = client.lifecycle();
            co_await client.connect();
            const auto answer = co_await client.sendAndWait(PingMessage{.id = "p"});
            CHECK(std::get<PongMessage>(answer).latency == 3ms);
            co_await client.disconnect();
            std::vector<std::size_t> kinds;
            while (const auto happened = co_await life.next())
            {
                kinds.push_back(happened->index());
                if (const auto* const pong = std::get_if<Pong>(&*happened)) CHECK(pong->latency == 3ms);
                if (const auto* const end = std::get_if<Disconnected>(&*happened))
                    CHECK(end->reason.code == CloseCode::normal);
            }
            // Connected, Authenticated, Pong, Disconnected.
            CHECK(kinds == std::vector<std::size_t>{0, 2, 4, 1});
            server.stop();
        });
}

TEST_CASE("send() sends a message as it is, with id and timestamp where they were left empty")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            std::vector<boost::json::object> came;
            ScriptedServer server(io,
                                  [&](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      came.push_back(co_await client.expect("publish"));
                                      came.push_back(co_await client.expect("publish"));
                                      co_await client.ignoreAll();
                                  });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            co_await client.send(PublishMessage{
                .id = "own", .timestamp = Timestamp(5ms), .topic = "a", .data = Json::parse("1e30")});
            co_await client.send(PublishMessage{.topic = "b"});
            co_await until([&] { return came.size() == 2; });
            CHECK(idOf(came[0]) == "own");
            CHECK(came[0].at("timestamp").as_int64() == 5);
            CHECK_FALSE(idOf(came[1]).empty());
            CHECK(came[1].at("timestamp").as_int64() > 1'700'000'000'000);
            CHECK_FALSE(came[1].contains("data"));
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("what is no message, and an error that answers nothing, are told in the lifecycle alone")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.open();
                                      co_await client.say("{not json");
                                      co_await client.say(R"({"id":"1","type":"unheard-of"})");
                                      co_await client.refuse("s-1", "INTERNAL_ERROR", "Out of luck");
                                      co_await client.say(serverMessage("subscribe", R"("topics":[])"));
                                      co_await client.ack("nobody-asked");
                                      co_await client.grantAll();
                                  });
            WSClient client(io, {.url = server.url()});
            auto life = client.lifecycle();
            co_await client.connect();
            co_await stillWorks(client);
            co_await client.disconnect();
            std::vector<ClientError> errors;
            while (auto happened = co_await life.next())
                if (auto* const error = std::get_if<ClientError>(&*happened))
                    errors.push_back(std::move(*error));
            REQUIRE(errors.size() == 4);
            CHECK(errors[0].code == Errc::invalidMessage);
            CHECK(errors[1].code == Errc::invalidMessage);
            CHECK(errors[2].code == Errc::refused);
            CHECK(errors[2].text.find("Out of luck") != std::string::npos);
            CHECK(errors[3].code == Errc::protocolViolation);
            server.stop();
        });
}
