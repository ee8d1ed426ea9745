#include "support/outcome.hpp"
#include "support/scripted_server.hpp"
#include "support/served.hpp"

#include <strandcast/agent_client.hpp>
#include <strandcast/agent_server.hpp>
#include <strandcast/error.hpp>
#include <strandcast/swarm_client.hpp>
#include <strandcast/swarm_server.hpp>
#include <strandcast/task_client.hpp>
#include <strandcast/task_server.hpp>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

WSClientOptions to(const Served& served)
{
    return {.url = fmt::format("ws://127.0.0.1:{}", served.server.port())};
}

/// Runs `body` with the three channel servers and a client that is connected.
void withClient(std::function<asio::awaitable<void>(Served&, WSClient&)> body, RouterOptions options = {})
{
    withRouter(options,
               [body = std::move(body)](Served& served) -> asio::awaitable<void>
               {
                   WSClient client(served.io, to(served));
                   co_await client.connect();
                   co_await body(served, client);
                   co_await client.disconnect();
               });
}

/// All that was sent before has come when this has ended.
asio::awaitable<void> settle(WSClient& client)
{
    static_cast<void>(co_await client.sendAndWait(PingMessage()));
}

/// A server's message: task `t` goes to an agent whose id is a number, which is the event's as well.
std::string assignment(std::string_view topic, int number)
{
    return serverMessage(
        "event",
        fmt::format(R"("topic":"{}","data":{{"taskId":"t","agentId":"{}","timestamp":1}})", topic, number),
        fmt::format("e-{}", number));
}

template <typename Event>
std::vector<Event> taken(ChannelStream<Event>& stream)
{
    std::vector<Event> all;
    while (auto event = stream.tryNext()) all.push_back(std::move(*event));
    return all;
}

}  // namespace

TEST_CASE("an agent's every kind of event reaches the streams of its kind, once, whatever was subscribed to")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            AgentChannelServer server(*served.router);
            AgentChannelClient agents(client);
            co_await agents.subscribeAll();
            co_await agents.subscribeToAgent("a1");
            co_await agents.subscribePattern("*.status");
            auto statuses = agents.statusChanges();
            auto ofFirst = agents.statusChanges("a1");
            auto ofOther = agents.statusChanges("a3");
            auto healths = agents.healthUpdates();
            auto metrics = agents.metricsUpdates("a1");
            auto logs = agents.logEntries();

            co_await server.publishStatusChange({.agentId = "a1", .status = AgentStatus::busy});
            co_await server.publishStatusChange({.agentId = "a2", .status = AgentStatus::error});
            co_await server.publishHealthUpdate({.agentId = "a1", .healthy = false, .metrics = {.cpu = 99}});
            co_await server.publishMetrics({.agentId = "a1", .metrics = {.throughput = 7}});
            co_await server.publishLog({.agentId = "a2", .level = LogLevel::warn, .message = "hot"});
            co_await settle(client);

            const auto all = taken(statuses);
            REQUIRE(all.size() == 2);
            CHECK(all[0].agentId == "a1");
            CHECK((all[0].status == AgentStatus::busy));
            CHECK(all[0].timestamp != Timestamp());
            CHECK(all[1].agentId == "a2");
            CHECK(taken(ofFirst).size() == 1);
            CHECK(taken(ofOther).empty());
            const auto health = taken(healths);
            REQUIRE(health.size() == 1);
            CHECK(health[0].metrics.cpu == 99);
            const auto metric = taken(metrics);
            REQUIRE(metric.size() == 1);
            CHECK(metric[0].metrics.throughput == 7);
            const auto log = taken(logs);
            REQUIRE(log.size() == 1);
            CHECK(log[0].message == "hot");
            CHECK(statuses.gaps() == 0);
        });
}

TEST_CASE("a task's every kind of event reaches the streams of its kind, once")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            co_await tasks.subscribeAll();
            co_await tasks.subscribeToTask("t1");
            auto progress = tasks.progress("t1");
            auto completions = tasks.completions();
            auto created = tasks.created();
            auto assigned = tasks.assigned("t1");
            auto errors = tasks.errors();

            co_await server.publishCreated({.taskId = "t1", .type = "digest"});
            co_await server.publishAssigned({.taskId = "t1", .agentId = "a1"});
            co_await server.publishTaskStarted("t1");
            co_await server.publishError({.taskId = "t1", .error = {.message = "slow"}});
            co_await server.publishTaskSuccess("t1", Json{{"sum", 3}}, 12);
            co_await settle(client);

            const auto creation = taken(created);
            REQUIRE(creation.size() == 1);
            CHECK(creation[0].type == "digest");
            const auto given = taken(assigned);
            REQUIRE(given.size() == 1);
            CHECK(given[0].agentId == "a1");
            const auto step = taken(progress);
            REQUIRE(step.size() == 1);
            CHECK((step[0].status == TaskStatus::inProgress));
            const auto error = taken(errors);
            REQUIRE(error.size() == 1);
            CHECK(error[0].error.message == "slow");
            const auto completion = taken(completions);
            REQUIRE(completion.size() == 1);
            CHECK(completion[0].duration == 12);
        });
}

TEST_CASE("a swarm's every kind of event reaches the streams of its kind, once")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            SwarmChannelServer server(*served.router);
            SwarmChannelClient swarms(client);
            co_await swarms.subscribeAll();
            co_await swarms.subscribeToSwarm("s1");
            auto topologies = swarms.topologyChanges();
            auto joined = swarms.agentsJoined("s1");
            auto left = swarms.agentsLeft();
            auto consensus = swarms.consensus();
            auto decisions = swarms.decisions();
            auto states = swarms.states("s1");
            auto coordination = swarms.coordination();

            co_await server.publishTopologyChange({.swarmId = "s1", .newTopology = SwarmTopology::adaptive});
            co_await server.publishAgentJoined({.swarmId = "s1", .agentId = "a1", .role = "lead"});
            co_await server.publishAgentLeft({.swarmId = "s1", .agentId = "a1"});
            co_await server.publishConsensusProposal("s1", "p1", Json{{"action", "scale"}});
            co_await server.publishCollectiveDecision({.swarmId = "s1", .decisionId = "d1"});
            co_await server.publishSwarmInitialized("s1", SwarmTopology::mesh);
            co_await server.publishCoordination({.swarmId = "s1", .type = CoordinationType::priorityChange});
            co_await settle(client);

            const auto topology = taken(topologies);
            REQUIRE(topology.size() == 1);
            CHECK((topology[0].newTopology == SwarmTopology::adaptive));
            CHECK(taken(joined).size() == 1);
            CHECK(taken(left).size() == 1);
            const auto proposal = taken(consensus);
            REQUIRE(proposal.size() == 1);
            CHECK(proposal[0].proposalId == "p1");
            CHECK(taken(decisions).size() == 1);
            CHECK(taken(states).size() == 1);
            const auto coordinated = taken(coordination);
            REQUIRE(coordinated.size() == 1);
            CHECK((coordinated[0].type == CoordinationType::priorityChange));
        });
}

TEST_CASE("what one client reports another's streams give, and the server's as well")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            AgentChannelServer agentServer(*served.router);
            TaskChannelServer taskServer(*served.router);
            SwarmChannelServer swarmServer(*served.router);
            auto heard = agentServer.statusChanges();
            WSClient reporter(served.io, to(served));
            co_await reporter.connect();
            AgentChannelClient agents(reporter);
            TaskChannelClient tasks(reporter);
            SwarmChannelClient swarms(reporter);
            AgentChannelClient agentWatch(client);
            TaskChannelClient taskWatch(client);
            SwarmChannelClient swarmWatch(client);
            co_await agentWatch.subscribeAll();
            co_await taskWatch.subscribeAll();
            co_await swarmWatch.subscribeAll();
            auto statuses = agentWatch.statusChanges();
            auto healths = agentWatch.healthUpdates();
            auto metrics = agentWatch.metricsUpdates();
            auto logs = agentWatch.logEntries();
            auto progress = taskWatch.progress();
            auto completions = taskWatch.completions();
            auto errors = taskWatch.errors();
            auto consensus = swarmWatch.consensus();
            auto decisions = swarmWatch.decisions();

            co_await agents.reportStatus({.agentId = "a1", .status = AgentStatus::busy});
            co_await agents.reportHealth({.agentId = "a1"});
            co_await agents.reportMetrics({.agentId = "a1"});
            co_await agents.sendLog({.agentId = "a1", .message = "m"});
            co_await tasks.reportProgress({.taskId = "t1", .progress = 50, .status = TaskStatus::inProgress});
            co_await tasks.reportError({.taskId = "t1", .error = {.message = "e"}});
            co_await tasks.reportCompleted({.taskId = "t1"});
            co_await swarms.propose("s1", "p1", Json{{"action", "scale"}});
            co_await swarms.submitVote("s1", "p1", Vote::yes, "a1");
            co_await swarms.submitDecision("s1", "d1", "left", "a1", 0.5);
            co_await settle(client);

            const auto status = taken(statuses);
            REQUIRE(status.size() == 1);
            CHECK((status[0].status == AgentStatus::busy));
            CHECK(status[0].timestamp != Timestamp());
            CHECK(heard.tryNext());
            CHECK(taken(healths).size() == 1);
            CHECK(taken(metrics).size() == 1);
            CHECK(taken(logs).size() == 1);
            CHECK(taken(progress).size() == 1);
            CHECK(taken(completions).size() == 1);
            CHECK(taken(errors).size() == 1);
            const auto steps = taken(consensus);
            REQUIRE(steps.size() == 2);
            CHECK((steps[0].type == ConsensusStep::proposed));
            CHECK((steps[1].type == ConsensusStep::voting));
            REQUIRE(steps[1].votes);
            CHECK((steps[1].votes->front().vote == Vote::yes));
            const auto decision = taken(decisions);
            REQUIRE(decision.size() == 1);
            CHECK(decision[0].votes.front().option == "left");
            CHECK(decision[0].votes.front().confidence == 0.5);
            co_await reporter.disconnect();
        });
}

TEST_CASE("what was subscribed to is known by its ids, and taken back by them")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            TaskChannelServer server(*served.router);
            TaskChannelClient tasks(client);
            co_await tasks.subscribeToTask("t2");
            co_await tasks.subscribeToTask("t1");
            co_await tasks.subscribeToTask("t1");  // once is enough
            CHECK(tasks.getSubscribedTasks() == std::vector<std::string>{"t1", "t2"});
            auto created = tasks.created();
            co_await tasks.unsubscribeFromTask("t1");
            co_await tasks.unsubscribeFromTask("never");
            CHECK(tasks.getSubscribedTasks() == std::vector<std::string>{"t2"});
            co_await server.publishCreated({.taskId = "t1", .type = "x"});
            co_await server.publishCreated({.taskId = "t2", .type = "y"});
            co_await settle(client);
            CHECK(taken(created).size() == 1);

            co_await tasks.subscribeAll();
            co_await tasks.subscribePattern("*.created");
            co_await tasks.unsubscribeAll();
            CHECK(tasks.getSubscribedTasks().empty());
            co_await server.publishCreated({.taskId = "t2", .type = "y"});
            co_await settle(client);
            CHECK(taken(created).empty());
        });
}

TEST_CASE("one entity's topics need no patterns of the server")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            SwarmChannelServer server(*served.router);
            SwarmChannelClient swarms(client);
            co_await swarms.subscribeToSwarm("s1");
            const auto refused = co_await outcomeOf(swarms.subscribePattern("*.state"));
            CHECK(refused.remoteCode == "SUBSCRIPTION_FAILED");
            auto states = swarms.states();
            co_await server.publishSwarmInitialized("s1", SwarmTopology::mesh);
            co_await settle(client);
            CHECK(taken(states).size() == 1);
        },
        {.enablePatterns = false});
}

TEST_CASE("an id that is no segment of a topic is refused by name")
{
    withClient(
        [](Served&, WSClient& client) -> asio::awaitable<void>
        {
            AgentChannelClient agents(client);
            for (const auto* const id : {"", "a.b", "a/b", "*", "a#"})
            {
                CAPTURE(id);
                const auto subscribing = co_await outcomeOf(agents.subscribeToAgent(id));
                CHECK(subscribing.errc == Errc::invalidArgument);
                CHECK(subscribing.says("agentId: an id "));
                const auto reporting = co_await outcomeOf(agents.reportStatus({.agentId = id}));
                CHECK(reporting.errc == Errc::invalidArgument);
            }
        });
}

TEST_CASE("what does not fit its topic goes to the stream of what is malformed, and to no other")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            AgentChannelClient agents(client);
            co_await agents.subscribeToAgent("a1");
            auto statuses = agents.statusChanges();
            auto malformed = agents.malformed();
            co_await served.router->publish("agent.a1.status", Json{{"agentId", "a1"}, {"status", "asleep"}});
            co_await served.router->publish("agent.a1.status",
                                            Json{{"agentId", "a2"}, {"status", "busy"}, {"timestamp", 1}});
            co_await served.router->publish("agent.a1.status");
            co_await settle(client);
            CHECK(taken(statuses).empty());
            const auto all = taken(malformed);
            REQUIRE(all.size() == 3);
            CHECK(all[0].topic == "agent.a1.status");
            CHECK(all[0].problem.find("status") != std::string::npos);
            CHECK(all[1].problem == "agentId: expected 'a1', as in the topic, found 'a2'");
            CHECK(all[2].problem == "data: missing");
        });
}

TEST_CASE("the two copies of an event are one, with four thousand other events between them")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& end, int) -> asio::awaitable<void>
                                  {
                                      co_await end.open();
                                      const auto say = [&](std::string_view topic, int number)
                                      { return end.say(assignment(topic, number)); };
                                      co_await say("task.t.assigned", 0);
                                      for (int number = 1; number <= 4000; ++number)
                                          co_await say("task.assigned", number);
                                      co_await say("task.assigned", 0);
                                      co_await say("task.assigned", 4001);
                                      co_await end.grantAll();
                                  });
            WSClient client(io, {.url = server.url(), .queueSize = 10'000});
            TaskChannelClient tasks(client);
            auto assigned = tasks.assigned();
            co_await client.connect();
            for (int number = 0; number <= 4001; ++number)
            {
                const auto event = co_await assigned.next();
                REQUIRE(event);
                REQUIRE(event->agentId == std::to_string(number));
            }
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("a stream whose reader is slow keeps its bound, and counts the gap that it passed over")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   TaskChannelServer server(*served.router);
                   auto options = to(served);
                   options.queueSize = 3;
                   WSClient client(served.io, options);
                   co_await client.connect();
                   TaskChannelClient tasks(client);
                   co_await tasks.subscribeAll();
                   auto created = tasks.created();
                   for (int number = 0; number < 10; ++number)
                       co_await server.publishCreated({.taskId = std::to_string(number), .type = "x"});
                   co_await settle(client);
                   CHECK(created.gaps() == 0);
                   const auto kept = taken(created);
                   REQUIRE(kept.size() == 3);
                   CHECK(kept.front().taskId == "7");
                   CHECK(created.gaps() == 1);
                   CHECK(created.dropped() == 7);
                   co_await client.disconnect();
               });
}

TEST_CASE("a lost connection is a gap of every stream, and the subscriptions are there again after it")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& end, int number) -> asio::awaitable<void>
                                  {
                                      co_await end.open();
                                      const auto asked = co_await end.grant("subscribe");
                                      CHECK(asked.at("topics").as_array().size() == 5);
                                      co_await end.say(assignment("task.t.assigned", number));
                                      if (number == 1) co_return end.reset();
                                      co_await end.grantAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnectInterval = std::chrono::milliseconds(1)});
            co_await client.connect();
            TaskChannelClient tasks(client);
            auto assigned = tasks.assigned();
            co_await tasks.subscribeToTask("t");
            const auto before = co_await assigned.next();
            REQUIRE(before);
            CHECK(before->agentId == "1");
            CHECK(assigned.gaps() == 0);
            const auto after = co_await assigned.next();
            REQUIRE(after);
            CHECK(after->agentId == "2");
            CHECK(assigned.gaps() == 1);
            co_await client.disconnect();
            server.stop();
        });
}

TEST_CASE("the streams end with the connection for good, and a channel client serves the next one as well")
{
    withClient(
        [](Served& served, WSClient& client) -> asio::awaitable<void>
        {
            AgentChannelServer server(*served.router);
            AgentChannelClient agents(client);
            co_await agents.subscribeToAgent("a1");
            auto before = agents.statusChanges();
            co_await client.disconnect();
            const auto end = co_await before.next();
            CHECK_FALSE(end);
            CHECK(agents.getSubscribedAgents().empty());

            co_await client.connect();
            co_await agents.subscribeToAgent("a1");
            auto after = agents.statusChanges();
            co_await server.publishAgentStarted("a1");
            const auto event = co_await after.next();
            CHECK(event);
        });
}

TEST_CASE(
    "a channel client, its client and its streams go in any order, and moving the client breaks nothing")
{
    for (const std::string_view order : {"cas", "csa", "acs", "asc", "sca", "sac"})
    {
        CAPTURE(order);
        withRouter({},
                   [order](Served& served) -> asio::awaitable<void>
                   {
                       AgentChannelServer server(*served.router);
                       auto first = std::make_unique<WSClient>(served.io, to(served));
                       co_await first->connect();
                       auto agents = std::make_unique<AgentChannelClient>(*first);
                       auto client = std::make_unique<WSClient>(std::move(*first));
                       first.reset();
                       auto moved = std::make_unique<AgentChannelClient>(std::move(*agents));
                       agents.reset();
                       co_await moved->subscribeAll();
                       auto stream =
                           std::make_unique<ChannelStream<AgentStatusChange>>(moved->statusChanges());
                       co_await server.publishAgentStarted("a1");
                       const auto event = co_await stream->next();
                       CHECK(event);
                       for (const auto which : order)
                       {
                           if (which == 'c') client.reset();
                           if (which == 'a') moved.reset();
                           if (which == 's') stream.reset();
                           if (client || !moved) continue;
                           const auto orphan = co_await outcomeOf(moved->subscribeToAgent("a1"));
                           CHECK(orphan.errc == Errc::cancelled);
                       }
                   });
    }
}
