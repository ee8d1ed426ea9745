#include "support/served.hpp"

#include <strandcast/agent_server.hpp>
#include <strandcast/error.hpp>
#include <strandcast/swarm_server.hpp>
#include <strandcast/task_server.hpp>

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view topics)
{
    return request("subscribe", "s", fmt::format(R"("topics":{})", topics));
}

std::string report(std::string_view id, std::string_view topic, std::string_view data)
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":{})", topic, data));
}

asio::awaitable<RawPeer> watcher(Served& served, std::string_view topics)
{
    auto peer = co_await served.peer();
    CHECK(brief(co_await peer.ask(subscribe(topics))) == "ack s");
    co_return peer;
}

/// The data of an event on `topic`, without its timestamp, which is always there.
boost::json::object dataOf(const boost::json::object& event, std::string_view topic)
{
    CHECK(event.at("type") == "event");
    CHECK(event.at("topic") == boost::json::string_view(topic));
    auto data = event.at("data").as_object();
    CHECK(data.at("timestamp").to_number<double>() > 0);
    data.erase("timestamp");
    return data;
}

boost::json::object parsed(std::string_view text)
{
    return boost::json::parse(text).as_object();
}

/// What is published goes to both topics, with one id and this data.
asio::awaitable<void> checkPublished(Served& served, std::string channel, std::string id, std::string kind,
                                     std::function<asio::awaitable<PublishReceipt>()> publish,
                                     std::string expected)
{
    CAPTURE(kind);
    const auto entityTopic = fmt::format("{}.{}.{}", channel, id, kind);
    const auto channelTopic = fmt::format("{}.{}", channel, kind);
    auto peer = co_await watcher(served, fmt::format(R"(["{}","{}"])", entityTopic, channelTopic));
    const auto receipt = co_await publish();
    CHECK(receipt.sequenceNumber >= 1);
    const auto first = co_await peer.message();
    const auto second = co_await peer.message();
    CHECK(dataOf(first, entityTopic) == parsed(expected));
    CHECK(dataOf(second, channelTopic) == parsed(expected));
    CHECK(first.at("id") == second.at("id"));
    CHECK(co_await peer.leave() == "1000");
}

}  // namespace

TEST_CASE("every publish of the agent channel goes to the agent's topic and to the channel's, as one event")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            AgentChannelServer agents(*served.router);
            co_await checkPublished(
                served, "agent", "a1", "status",
                [&] { return agents.publishStatusChange({.agentId = "a1", .status = AgentStatus::busy}); },
                R"({"agentId":"a1","status":"busy"})");
            co_await checkPublished(
                served, "agent", "a1", "health",
                [&]
                {
                    return agents.publishHealthUpdate(
                        {.agentId = "a1", .healthy = true, .metrics = {.cpu = 50, .memory = 60}});
                },
                R"({"agentId":"a1","healthy":true,"metrics":{"cpu":50,"memory":60}})");
            co_await checkPublished(
                served, "agent", "a1", "metrics",
                [&] { return agents.publishMetrics({.agentId = "a1", .metrics = {.responseTime = 1.5}}); },
                R"({"agentId":"a1","metrics":{"responseTime":1.5}})");
            co_await checkPublished(
                served, "agent", "a1", "logs", [&]
                { return agents.publishLog({.agentId = "a1", .level = LogLevel::warn, .message = "hot"}); },
                R"({"agentId":"a1","level":"warn","message":"hot"})");
            co_await checkPublished(
                served, "agent", "a1", "status",
                [&] { return agents.publishAgentStarted("a1", Json{{"host", "h"}}); },
                R"({"agentId":"a1","status":"idle","metadata":{"event":"started","host":"h"}})");
            co_await checkPublished(
                served, "agent", "a1", "status", [&] { return agents.publishAgentStopped("a1", "done"); },
                R"({"agentId":"a1","status":"offline","metadata":{"event":"stopped","reason":"done"}})");
            co_await checkPublished(
                served, "agent", "a1", "status", [&] { return agents.publishAgentError("a1", "oom"); },
                R"({"agentId":"a1","status":"error","metadata":{"event":"error","error":"oom"}})");
        });
}

TEST_CASE("every publish of the task channel goes to the task's topic and to the channel's, as one event")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   TaskChannelServer tasks(*served.router);
                   co_await checkPublished(
                       served, "task", "t1", "progress",
                       [&]
                       {
                           return tasks.publishProgress({.taskId = "t1",
                                                         .progress = 50,
                                                         .status = TaskStatus::inProgress,
                                                         .message = "half"});
                       },
                       R"({"taskId":"t1","progress":50,"status":"in-progress","message":"half"})");
                   co_await checkPublished(
                       served, "task", "t1", "completed", [&]
                       { return tasks.publishCompleted({.taskId = "t1", .status = TaskOutcome::cancelled}); },
                       R"({"taskId":"t1","status":"cancelled"})");
                   co_await checkPublished(
                       served, "task", "t1", "created", [&]
                       { return tasks.publishCreated({.taskId = "t1", .type = "digest", .priority = 2}); },
                       R"({"taskId":"t1","type":"digest","priority":2})");
                   co_await checkPublished(
                       served, "task", "t1", "assigned",
                       [&] { return tasks.publishAssigned({.taskId = "t1", .agentId = "a"}); },
                       R"({"taskId":"t1","agentId":"a"})");
                   co_await checkPublished(
                       served, "task", "t1", "error",
                       [&]
                       {
                           return tasks.publishError(
                               {.taskId = "t1", .error = {.message = "m", .recoverable = true}});
                       },
                       R"({"taskId":"t1","error":{"message":"m","recoverable":true}})");
                   co_await checkPublished(
                       served, "task", "t1", "progress", [&] { return tasks.publishTaskStarted("t1"); },
                       R"({"taskId":"t1","progress":0,"status":"in-progress"})");
                   co_await checkPublished(
                       served, "task", "t1", "completed",
                       [&] { return tasks.publishTaskSuccess("t1", Json{{"success", true}}, 12); },
                       R"({"taskId":"t1","status":"completed","result":{"success":true},"duration":12})");
                   co_await checkPublished(
                       served, "task", "t1", "completed",
                       [&] { return tasks.publishTaskFailure("t1", {.message = "m", .code = "c"}); },
                       R"({"taskId":"t1","status":"failed","error":{"message":"m","code":"c"}})");
               });
}

TEST_CASE("every publish of the swarm channel goes to the swarm's topic and to the channel's, as one event")
{
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            SwarmChannelServer swarms(*served.router);
            co_await checkPublished(
                served, "swarm", "s1", "topology",
                [&]
                {
                    return swarms.publishTopologyChange({.swarmId = "s1",
                                                         .oldTopology = SwarmTopology::mesh,
                                                         .newTopology = SwarmTopology::hierarchicalMesh});
                },
                R"({"swarmId":"s1","oldTopology":"mesh","newTopology":"hierarchical-mesh"})");
            co_await checkPublished(
                served, "swarm", "s1", "agent-joined",
                [&] { return swarms.publishAgentJoined({.swarmId = "s1", .agentId = "a", .role = "lead"}); },
                R"({"swarmId":"s1","agentId":"a","role":"lead"})");
            co_await checkPublished(
                served, "swarm", "s1", "agent-left",
                [&] { return swarms.publishAgentLeft({.swarmId = "s1", .agentId = "a", .reason = "r"}); },
                R"({"swarmId":"s1","agentId":"a","reason":"r"})");
            co_await checkPublished(
                served, "swarm", "s1", "consensus",
                [&] { return swarms.publishConsensusProposal("s1", "p1", Json{{"action", "scale-up"}}); },
                R"({"swarmId":"s1","proposalId":"p1","type":"proposed","proposal":{"action":"scale-up"}})");
            co_await checkPublished(
                served, "swarm", "s1", "consensus",
                [&]
                {
                    return swarms.publishConsensusResult(
                        "s1", "p1", true,
                        {{"a", Vote::yes}, {"b", Vote::no}, {"c", Vote::yes}, {"d", Vote::abstain}});
                },
                R"({"swarmId":"s1","proposalId":"p1","type":"accepted","votes":[{"agentId":"a","vote":"yes"},{"agentId":"b","vote":"no"},{"agentId":"c","vote":"yes"},{"agentId":"d","vote":"abstain"}],"result":{"accepted":true,"votesFor":2,"votesAgainst":1,"abstentions":1}})");
            co_await checkPublished(
                served, "swarm", "s1", "decision",
                [&]
                {
                    return swarms.publishCollectiveDecision({.swarmId = "s1",
                                                             .decisionId = "d1",
                                                             .question = "q",
                                                             .options = {{"x", "y"}},
                                                             .votes = {{"a", "x", 0.5}},
                                                             .result = DecisionResult{"x", 1}});
                },
                R"({"swarmId":"s1","decisionId":"d1","question":"q","options":["x","y"],"votes":[{"agentId":"a","option":"x","confidence":0.5}],"result":{"selectedOption":"x","confidence":1}})");
            co_await checkPublished(
                served, "swarm", "s1", "state",
                [&] { return swarms.publishSwarmInitialized("s1", SwarmTopology::adaptive); },
                R"({"swarmId":"s1","state":{"topology":"adaptive","agentCount":0,"activeAgents":0,"queueSize":0,"healthScore":100}})");
            co_await checkPublished(
                served, "swarm", "s1", "coordination",
                [&]
                {
                    return swarms.publishCoordination(
                        {.swarmId = "s1", .type = CoordinationType::priorityChange, .data = Json{{"p", 1}}});
                },
                R"({"swarmId":"s1","type":"priority-change","data":{"p":1}})");
        });
}

TEST_CASE(
    "what a client reports of an agent reaches the channel's topic, the same event, and the server's stream")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   AgentChannelServer agents(*served.router);
                   auto all = agents.statusChanges();
                   auto one = agents.statusChanges("a1");
                   auto other = agents.statusChanges("a2");
                   auto peer = co_await watcher(served, R"(["agent.status","agent.a1.status"])");
                   auto reporter = co_await watcher(served, R"(["agent.#"])");
                   const auto* const data = R"({"agentId":"a1","status":"busy","more":1.50,"timestamp":9})";
                   CHECK(brief(co_await reporter.ask(report("r", "agent.a1.status", data))) == "ack r");
                   const auto first = co_await peer.message();
                   const auto second = co_await peer.message();
                   CHECK(first.at("topic") == "agent.a1.status");
                   CHECK(second.at("topic") == "agent.status");
                   CHECK(first.at("id") == second.at("id"));
                   CHECK(first.at("data") == second.at("data"));
                   CHECK(first.at("data").as_object().at("more").as_double() == 1.5);
                   for (auto* const stream : {&all, &one})
                   {
                       const auto change = co_await stream->next();
                       REQUIRE(change.has_value());
                       CHECK(change->agentId == "a1");
                       CHECK((change->status == AgentStatus::busy));
                       CHECK(change->timestamp == Timestamp(std::chrono::milliseconds(9)));
                   }
                   CHECK_FALSE(other.tryNext().has_value());
                   // Both entries are the reporter's own publish: neither comes back.
                   CHECK(brief(co_await reporter.ask(request("ping", "x"))) == "pong x");
               });
}

TEST_CASE("data that does not fit is delivered and acked, not republished, and told to the server")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   TaskChannelServer tasks(*served.router);
                   auto malformed = tasks.malformed();
                   auto completions = tasks.completions();
                   auto peer = co_await watcher(served, R"(["task.#"])");
                   auto reporter = co_await served.peer();
                   const std::vector<std::pair<std::string, std::string>> wrong{
                       {R"({"taskId":"t1","status":"done","timestamp":1})",
                        R"(status: expected one of completed, failed, cancelled, found "done")"},
                       {R"({"taskId":"t2","status":"completed","timestamp":1})",
                        "taskId: expected 't1', as in the topic, found 't2'"},
                       {"7", "data: expected an object, found a number"},
                   };
                   for (const auto& [data, problem] : wrong)
                   {
                       CHECK(brief(co_await reporter.ask(report("r", "task.t1.completed", data))) == "ack r");
                       CHECK((co_await peer.message()).at("topic") == "task.t1.completed");
                       const auto told = co_await malformed.next();
                       REQUIRE(told.has_value());
                       CHECK(told->topic == "task.t1.completed");
                       CHECK(told->problem == problem);
                       CHECK_FALSE(told->clientId.empty());
                   }
                   // What is no report of this channel's is nobody's business.
                   for (const auto* const topic :
                        {"task.t1.other", "task.t1.x.completed", "task/t1/completed", "other.t1.completed"})
                       CHECK(brief(co_await reporter.ask(report("r", topic, "7"))) == "ack r");
                   CHECK_FALSE(malformed.tryNext().has_value());
                   CHECK_FALSE(completions.tryNext().has_value());
               });
}

TEST_CASE("a client speaks only for the agents that the hook named, on each topic that watchers look at")
{
    WSServerOptions options{.rateLimit = std::nullopt};
    options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    { co_return Authentication{.accepted = true, .agents = {{"a1", "a2"}}}; };
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            AgentChannelServer agents(*served.router);
            SwarmChannelServer swarms(*served.router);
            TaskChannelServer tasks(*served.router);
            auto reporter = co_await served.peer();
            CHECK(brief(co_await reporter.ask(request("auth", "t", R"("token":"x")"))) == "ack t");
            const auto vote = [](std::string_view agent)
            {
                return fmt::format(
                    R"({{"swarmId":"s","proposalId":"p","type":"voting","votes":[{{"agentId":"{}","vote":"yes"}}],"timestamp":1}})",
                    agent);
            };
            const auto choice = [](std::string_view agent)
            {
                return fmt::format(
                    R"({{"swarmId":"s","decisionId":"d","votes":[{{"agentId":"{}","option":"x"}}],"timestamp":1}})",
                    agent);
            };
            const auto status = [](std::string_view agent)
            { return fmt::format(R"({{"agentId":"{}","status":"busy","timestamp":1}})", agent); };
            const auto member = [](std::string_view agent)
            { return fmt::format(R"({{"swarmId":"s","agentId":"{}","timestamp":1}})", agent); };
            const std::vector<std::tuple<std::string, std::string, std::string>> reports{
                {"agent.{}.status", status("a2"), status("b")},
                {"agent.status", status("a1"), status("b")},
                {"agent.{}.logs", "7", "7"},  // malformed, yet of that agent
                {"swarm.s.consensus", vote("a1"), vote("b")},
                {"swarm.consensus", vote("a1"), vote("b")},
                {"swarm.s.decision", choice("a1"), choice("b")},
                {"swarm.s.agent-joined", member("a1"), member("b")},
                {"swarm.s.agent-left", member("a1"), member("b")},
            };
            for (const auto& [topic, own, stranger] : reports)
            {
                CAPTURE(topic);
                CHECK(brief(co_await reporter.ask(
                          report("r", fmt::format(fmt::runtime(topic), "a2"), own))) == "ack r");
                const auto refused =
                    co_await reporter.ask(report("r", fmt::format(fmt::runtime(topic), "b"), stranger));
                CHECK(brief(refused) == "error r AUTHORIZATION_FAILED");
                CHECK(refused.at("message") == "Not allowed to speak for agent 'b'");
            }
            // Who is told of does not speak.
            CHECK(brief(co_await reporter.ask(report(
                      "r", "task.t.assigned", R"({"taskId":"t","agentId":"b","timestamp":1})"))) == "ack r");
        },
        options);
}

TEST_CASE("a channel server refuses what it cannot publish, and says why")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   TaskChannelServer tasks(*served.router);
                   const auto refused =
                       [](asio::awaitable<PublishReceipt> publish) -> asio::awaitable<std::string>
                   {
                       try
                       {
                           co_await std::move(publish);
                       }
                       catch (const Error& error)
                       {
                           CHECK(error.code() == Errc::invalidArgument);
                           co_return error.what();
                       }
                       co_return "published";
                   };
                   CHECK(co_await refused(tasks.publishTaskStarted("")) == "taskId: an id must not be empty");
                   CHECK(co_await refused(tasks.publishTaskStarted("a.b")) ==
                         "taskId: an id is one segment of a topic, without '.', '/', '*' and '#': 'a.b'");
                   CHECK(co_await refused(tasks.publishProgress({.taskId = "t", .progress = 101})) ==
                         "progress: expected 0 to 100, found 101");
                   CHECK(co_await refused(tasks.publishTaskStarted(std::string(300, 't'))) != "published");
               });
}

TEST_CASE("a channel server may go before its router, or after it, and its streams end")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   EventStream<AgentStatusChange> stream;
                   {
                       AgentChannelServer agents(*served.router);
                       stream = agents.statusChanges();
                   }
                   CHECK_FALSE((co_await stream.next()).has_value());
                   auto reporter = co_await served.peer();
                   CHECK(brief(co_await reporter.ask(report("r", "agent.a1.status", "7"))) == "ack r");

                   AgentChannelServer agents(*served.router);
                   stream = agents.statusChanges();
                   served.router.reset();
                   CHECK_FALSE((co_await stream.next()).has_value());
                   CHECK_FALSE((co_await agents.healthUpdates().next()).has_value());
                   Errc failed{};
                   try
                   {
                       co_await agents.publishAgentStarted("a1");
                   }
                   catch (const Error& error)
                   {
                       failed = static_cast<Errc>(error.code().value());
                   }
                   CHECK(failed == Errc::cancelled);
               });
}
