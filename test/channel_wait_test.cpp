#include "support/outcome.hpp"
#include "support/scripted_server.hpp"
#include "support/served.hpp"

#include <strandcast/error.hpp>
#include <strandcast/swarm_client.hpp>
#include <strandcast/swarm_server.hpp>
#include <strandcast/task_client.hpp>
#include <strandcast/task_server.hpp>

#include <asio/this_coro.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

WSClientOptions to(const Served& served)
{
    return {.url = fmt::format("ws://127.0.0.1:{}", served.server.port())};
}

/// What the server's first client is subscribed to.
asio::awaitable<std::vector<std::string>> subscriptions(Served& served)
{
    const auto clients = co_await served.server.getConnectedClients();
    if (clients.empty()) co_return std::vector<std::string>();
    const auto client = co_await served.server.getClient(clients.front());
    co_return client ? client->subscriptions : std::vector<std::string>();
}

/// Waits until those are so many.
asio::awaitable<void> untilSubscribed(Served& served, std::size_t count)
{
    const auto limit = std::chrono::steady_clock::now() + 20s;
    for (;;)
    {
        const auto now = co_await subscriptions(served);
        if (now.size() == count) co_return;
        REQUIRE(std::chrono::steady_clock::now() < limit);
        co_await turnsOfLoop(1);
    }
}

/// Runs `body` with a client that is connected, and checks that in the end it is subscribed to nothing.
void withClient(std::function<asio::awaitable<void>(Served&, WSClient&)> body, RouterOptions options = {},
                WSServerOptions serverOptions = {.rateLimit = std::nullopt})
{
    withRouter(
        options,
        [body = std::move(body)](Served& served) -> asio::awaitable<void>
        {
            WSClient client(served.io, to(served));
            co_await client.connect();
            co_await body(served, client);
            co_await untilSubscribed(served, 0);
            co_await client.disconnect();
        },
        std::move(serverOptions));
}

/// What an operation beside the test gave.
template <typename T>
struct Given
{
    std::optional<T> value;

    asio::awaitable<void> keep(asio::awaitable<T> operation) { value = co_await std::move(operation); }
};

}  // namespace

TEST_CASE("a wait for a task's completion subscribes by itself, ends with the event, and takes that back")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            const auto executor = co_await asio::this_coro::executor;
            Given<TaskCompletion> done;
            Beside waiting(executor, done.keep(tasks.waitForCompletion("t1", 10s)));
            co_await untilSubscribed(served, 1);
            const auto topics = co_await subscriptions(served);
            CHECK(topics.front() == "task.t1.completed");
            co_await server.publishTaskSuccess("t2");
            co_await server.publishTaskFailure("t1", {.message = "out of memory", .code = "oom"}, 12);
            CHECK((co_await waiting.ended()).went());
            REQUIRE(done.value);
            CHECK(done.value->taskId == "t1");
            CHECK((done.value->status == TaskOutcome::failed));
            CHECK(done.value->error->message == "out of memory");
            CHECK(done.value->duration == 12);
        });
}

TEST_CASE("a wait ends with what another client reports, also where all tasks are subscribed to")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            co_await tasks.subscribeAll();
            auto completions = tasks.completions();
            WSClient worker(served.io, to(served));
            co_await worker.connect();
            TaskChannelClient reporter(worker);
            const auto executor = co_await asio::this_coro::executor;
            Beside first(executor, tasks.waitForCompletion("t1", 10s));
            Beside second(executor, tasks.waitForCompletion("t1", 10s));
            co_await untilSubscribed(served, 6);
            co_await reporter.reportCompleted({.taskId = "t1"});
            CHECK((co_await first.ended()).went());
            CHECK((co_await second.ended()).went());
            CHECK(completions.tryNext());
            CHECK_FALSE(completions.tryNext());
            co_await worker.disconnect();
            co_await tasks.unsubscribeAll();
        });
}

TEST_CASE("a wait sees what was decided before it began, and no stream hears of that again")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer taskServer(*served.router);
            SwarmChannelServer swarmServer(*served.router);
            co_await taskServer.publishTaskSuccess("t1", std::nullopt, 7);
            co_await swarmServer.publishConsensusResult("s1", "p1", false, {{"a", Vote::no}});
            co_await swarmServer.publishConsensusProposal("s1", "p2", Json(1));
            co_await swarmServer.publishCollectiveDecision(
                {.swarmId = "s1", .decisionId = "d1", .result = DecisionResult{"left", 1}});
            TaskChannelClient tasks(client);
            SwarmChannelClient swarms(client);
            auto completions = tasks.completions();
            const auto completion = co_await tasks.waitForCompletion("t1", 10s);
            CHECK(completion.duration == 7);
            const auto consensus = co_await swarms.waitForConsensus("s1", "p1", 10s);
            CHECK((consensus == ConsensusResult{false, 0, 1, 0}));
            const auto decision = co_await swarms.waitForDecision("s1", "d1", 10s);
            CHECK((decision == DecisionResult{"left", 1}));
            CHECK_FALSE(completions.tryNext());
            // Also where it is subscribed to already.
            co_await tasks.subscribeToTask("t1");
            const auto again = co_await tasks.waitForCompletion("t1", 10s);
            CHECK(again.duration == 7);
            co_await tasks.unsubscribeAll();
        });
}

TEST_CASE("a wait sees what was decided while its client had no connection")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   TaskChannelServer server(*served.router);
                   auto options = to(served);
                   options.reconnectInterval = 1ms;
                   WSClient client(served.io, options);
                   co_await client.connect();
                   auto happened = client.lifecycle();
                   TaskChannelClient tasks(client);
                   Given<TaskCompletion> done;
                   Beside waiting(co_await asio::this_coro::executor,
                                  done.keep(tasks.waitForCompletion("t1", 20s)));
                   co_await untilSubscribed(served, 1);
                   const auto ids = co_await served.server.getConnectedClients();
                   co_await served.server.disconnectClient(ids.front(), {CloseCode::goingAway, "later"});
                   while (const auto event = co_await happened.next())
                       if (std::holds_alternative<Disconnected>(*event)) break;
                   co_await server.publishTaskSuccess("t1", std::nullopt, 7);
                   CHECK((co_await waiting.ended()).went());
                   CHECK(done.value->duration == 7);
                   co_await untilSubscribed(served, 0);
                   co_await client.disconnect();
               });
}

TEST_CASE("a server of version 1.0.0 alone is waited for as well")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& end, int) -> asio::awaitable<void>
                                  {
                                      co_await end.open();
                                      const auto asked = co_await end.grant("subscribe");
                                      CHECK_FALSE(asked.contains("last"));
                                      co_await end.event(
                                          "task.t1.completed",
                                          R"({"taskId":"t1","status":"cancelled","timestamp":1})", 1);
                                      co_await end.grant("unsubscribe");
                                      co_await end.grantAll();
                                  });
            WSClient client(io, {.url = server.url()});
            co_await client.connect();
            TaskChannelClient tasks(client);
            const auto completion = co_await tasks.waitForCompletion("t1", 10s);
            CHECK((completion.status == TaskOutcome::cancelled));
            co_await turnsOfLoop(3);
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("a wait that is too long ends with an error that names what was waited for, and leaves nothing")
{
    withClient(
        [](Served&, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelClient tasks(client);
            SwarmChannelClient swarms(client);
            const auto task = co_await outcomeOf(tasks.waitForCompletion("t-17", 5ms));
            CHECK(task.errc == Errc::timedOut);
            CHECK(task.text == "task 't-17' had not ended after 5 ms");
            const auto proposal = co_await outcomeOf(swarms.waitForConsensus("s-1", "p-2", 5ms));
            CHECK(proposal.errc == Errc::timedOut);
            CHECK(proposal.text == "proposal 'p-2' of swarm 's-1' was not decided after 5 ms");
            const auto decision = co_await outcomeOf(swarms.waitForDecision("s-1", "d-3", 5ms));
            CHECK(decision.errc == Errc::timedOut);
            CHECK(decision.text == "decision 'd-3' of swarm 's-1' was not taken after 5 ms");
            const auto bad = co_await outcomeOf(tasks.waitForCompletion("a.b", 5ms));
            CHECK(bad.errc == Errc::invalidArgument);
        });
}

TEST_CASE("a wait that is cancelled, at whichever moment, leaves nothing behind")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            const auto executor = co_await asio::this_coro::executor;
            for (int turns = 0; turns < 30; ++turns)
            {
                CAPTURE(turns);
                Beside waiting(executor, tasks.waitForCompletion("t1", 0ms));
                co_await turnsOfLoop(turns);
                waiting.cancel();
                const auto end = co_await waiting.ended();
                CHECK(end.errc == Errc::cancelled);
            }
            // The next one is not disturbed by what is still on its way.
            Beside waiting(executor, tasks.waitForCompletion("t1", 10s));
            co_await untilSubscribed(served, 1);
            co_await server.publishTaskSuccess("t1");
            CHECK((co_await waiting.ended()).went());
        });
}

TEST_CASE("ten thousand waits at once travel in few requests, and each ends with its own event")
{
    static constexpr std::size_t count = 10'000;
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            auto asked = served.server.events<Subscribe>();
            const auto executor = co_await asio::this_coro::executor;
            std::vector<Given<TaskCompletion>> done(count);
            std::vector<std::unique_ptr<Beside>> waiting;
            for (std::size_t number = 0; number < count; ++number)
                waiting.push_back(std::make_unique<Beside>(
                    executor, done[number].keep(tasks.waitForCompletion(std::to_string(number), 60s))));
            std::size_t topics = 0, requests = 0;
            while (topics < count)
            {
                const auto request = co_await asked.next();
                topics += request->topics.size();
                ++requests;
                CHECK(request->topics.size() <= 200);
            }
            CHECK(topics == count);
            CHECK(requests <= 60);
            std::vector<std::unique_ptr<Beside>> published;
            for (std::size_t number = count; number-- > 0;)
                published.push_back(
                    std::make_unique<Beside>(executor, server.publishTaskSuccess(std::to_string(number))));
            for (std::size_t number = 0; number < count; ++number)
            {
                REQUIRE((co_await waiting[number]->ended()).went());
                REQUIRE(done[number].value->taskId == std::to_string(number));
            }
        },
        {.maxSubscriptionsPerClient = 2 * count, .queueSize = 4 * count});
}

TEST_CASE("a wait that the server refuses fails alone, though it was asked for together with others")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            const auto executor = co_await asio::this_coro::executor;
            std::vector<std::unique_ptr<Beside>> waiting;
            for (int number = 0; number < 20; ++number)
                waiting.push_back(std::make_unique<Beside>(
                    executor,
                    tasks.waitForCompletion(number == 13 ? "secret" : std::to_string(number), 10s)));
            const auto refused = co_await waiting[13]->ended();
            CHECK(refused.remoteCode == "AUTHORIZATION_FAILED");
            co_await untilSubscribed(served, 19);
            for (int number = 0; number < 20; ++number)
                co_await server.publishTaskSuccess(std::to_string(number));
            for (int number = 0; number < 20; ++number)
                if (number != 13) CHECK((co_await waiting[static_cast<std::size_t>(number)]->ended()).went());
        },
        {},
        {.authorize = [](const ClientInfo&, Action, std::string topic) -> asio::awaitable<bool>
         { co_return topic.find("secret") == std::string::npos; },
         .rateLimit = std::nullopt});
}

TEST_CASE("a wait whose subscription is over the rate limit asks again when the server says so")
{
    // The limit lets the negotiation and one request more through, each second.
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            const auto executor = co_await asio::this_coro::executor;
            static_cast<void>(co_await client.publish("a"));
            Given<TaskCompletion> one, other;
            Beside first(executor, one.keep(tasks.waitForCompletion("t1", 20s)));
            Beside second(executor, other.keep(tasks.waitForCompletion("t2", 20s)));
            co_await untilSubscribed(served, 2);
            co_await server.publishTaskSuccess("t1");
            co_await server.publishTaskSuccess("t2");
            CHECK((co_await first.ended()).went());
            CHECK((co_await second.ended()).went());
        },
        {}, {.rateLimit = RateLimitOptions{2, 1s}});
}

TEST_CASE("a ballot that the server conducts ends the waits for it, before and behind its close")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            SwarmChannelServer server(*served.router, {.maxClientBallots = 1});
            SwarmChannelClient swarms(client);
            const auto executor = co_await asio::this_coro::executor;
            const auto deadline =
                std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 60s;
            Given<ConsensusResult> waited, opened;
            Beside waiting(executor, waited.keep(swarms.waitForConsensus("s", "p", 20s)));
            co_await untilSubscribed(served, 1);
            Beside opening(executor,
                           opened.keep(server.openProposal(
                               "s", "p", Json(1), {.electorate = {{"a", "b", "c"}}, .deadline = deadline})));
            co_await turnsOfLoop(5);
            for (const auto* const agent : {"a", "b"})
                static_cast<void>(co_await swarms.submitVote("s", "p", Vote::yes, agent));
            CHECK((co_await opening.ended()).went());
            CHECK((co_await waiting.ended()).went());
            const ConsensusResult expected{true, 2, 0, 0};
            CHECK((opened.value == expected));
            CHECK((waited.value == expected));
            CHECK(((co_await swarms.waitForConsensus("s", "p", 20s)) == expected));
            // What a client opens is counted as well.
            static_cast<void>(co_await swarms.propose(
                "s", "q", Json(2), Ballot{.size = 2, .rule = BallotRule::unanimous, .deadline = deadline}));
            static_cast<void>(co_await swarms.submitVote("s", "q", Vote::no, "a"));
            CHECK(((co_await swarms.waitForConsensus("s", "q", 20s)) == ConsensusResult{false, 0, 1, 0}));
        });
}

TEST_CASE("what a swarm decides ends the waits for it, with the counts or, without them, from the votes")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            SwarmChannelServer server(*served.router);
            SwarmChannelClient swarms(client);
            const auto executor = co_await asio::this_coro::executor;
            Given<ConsensusResult> counted, uncounted;
            Given<DecisionResult> decided;
            Beside first(executor, counted.keep(swarms.waitForConsensus("s1", "p1", 10s)));
            Beside second(executor, uncounted.keep(swarms.waitForConsensus("s1", "p2", 10s)));
            Beside third(executor, decided.keep(swarms.waitForDecision("s1", "d1", 10s)));
            co_await untilSubscribed(served, 2);
            co_await server.publishConsensusProposal("s1", "p1", Json{{"action", "scale"}});
            co_await server.publishCollectiveDecision({.swarmId = "s1", .decisionId = "d1"});
            co_await turnsOfLoop(100);
            CHECK_FALSE(first.hasEnded());
            CHECK_FALSE(third.hasEnded());
            // Made before: g++ 14 fails on lists of strings within a co_await expression.
            const std::vector<AgentVote> votes{{"a", Vote::yes}, {"b", Vote::no}, {"c", Vote::yes}};
            co_await server.publishConsensusResult("s1", "p1", true, votes);
            const std::vector<AgentVote> others{{"a", Vote::abstain}, {"b", Vote::no}};
            co_await server.publishConsensus(
                {.swarmId = "s1", .proposalId = "p2", .type = ConsensusStep::rejected, .votes = others});
            co_await server.publishCollectiveDecision(
                {.swarmId = "s1", .decisionId = "d1", .result = DecisionResult{"left", 0.75}});
            CHECK((co_await first.ended()).went());
            CHECK((co_await second.ended()).went());
            CHECK((co_await third.ended()).went());
            CHECK((counted.value == ConsensusResult{true, 2, 1, 0}));
            CHECK((uncounted.value == ConsensusResult{false, 0, 1, 1}));
            CHECK((decided.value == DecisionResult{"left", 0.75}));
        });
}

TEST_CASE("a wait ends with its client's connection, its client, or its channel client")
{
    for (const std::string_view how : {"disconnect", "client goes", "channel client goes"})
    {
        CAPTURE(how);
        withRouter({},
                   [how](Served& served) -> asio::awaitable<void>
                   {
                       auto client = std::make_unique<WSClient>(served.io, to(served));
                       co_await client->connect();
                       auto tasks = std::make_unique<TaskChannelClient>(*client);
                       const auto executor = co_await asio::this_coro::executor;
                       Beside waiting(executor, tasks->waitForCompletion("t1", 0ms));
                       auto later = tasks->waitForCompletion("t1", 0ms);
                       co_await untilSubscribed(served, 1);
                       if (how == "disconnect") co_await client->disconnect();
                       if (how == "client goes") client.reset();
                       if (how == "channel client goes") tasks.reset();
                       const auto end = co_await waiting.ended();
                       const auto expected = how == "disconnect" ? Errc::disconnected : Errc::cancelled;
                       CHECK(end.errc == expected);
                       const auto endOfLater = co_await outcomeOf(std::move(later));
                       CHECK(endOfLater.errc == expected);
                       if (how == "channel client goes") co_await untilSubscribed(served, 0);
                   });
    }
}
