#include "channel/payload.hpp"
#include "channel/payload_kind.hpp"

#include <strandcast/error.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

template <typename Event>
std::string problem(std::string_view data)
{
    const auto read = readPayload<Event>(Json::parse(data));
    const auto* const error = std::get_if<PayloadError>(&read);
    return error ? error->text : "";
}

/// `full` is every field that there is, the required ones named in `required`.
template <typename Event>
void checkFields(std::string_view full, const std::vector<std::string>& required)
{
    CAPTURE(full);
    const auto object = boost::json::parse(full).as_object();
    const auto read = readPayload<Event>(Json::parse(full));
    REQUIRE(std::holds_alternative<Event>(read));
    const auto written = writePayload(std::get<Event>(read));
    CHECK(boost::json::parse(written.text()) == boost::json::value(object));

    std::size_t needed = 0;
    for (const auto& [name, value] : object)
    {
        CAPTURE(name);
        auto without = object;
        without.erase(name);
        const bool isRequired =
            std::find(required.begin(), required.end(), std::string(name)) != required.end();
        CHECK(problem<Event>(boost::json::serialize(without)) ==
              (isRequired ? std::string(name) + ": missing" : std::string()));
        if (isRequired) ++needed;

        // Free JSON takes anything; everything else has a type that `[true]` is not.
        auto wrong = object;
        wrong[name] = boost::json::array{true};
        const auto said = problem<Event>(boost::json::serialize(wrong));
        const bool isFree = name == "metadata" || name == "context" || name == "result" || name == "data" ||
                            name == "proposal";
        if (!isFree || (name == "result" && value.is_object() && value.as_object().contains("accepted")))
            CHECK(said.starts_with(std::string(name)));
    }
    CHECK(needed == required.size());

    auto more = object;
    more["unknownField"] = 1;
    CHECK(problem<Event>(boost::json::serialize(more)).empty());
}

}  // namespace

TEST_CASE("each event of the agent channel is read and written, and names the field that is wrong")
{
    checkFields<AgentStatusChange>(R"({"agentId":"a","status":"busy","metadata":{"x":[1]},"timestamp":5})",
                                   {"agentId", "status", "timestamp"});
    checkFields<AgentHealthUpdate>(
        R"({"agentId":"a","healthy":false,"metrics":{"cpu":0.5,"memory":60,"uptime":1,"tasksCompleted":2,"errorCount":3},"timestamp":5})",
        {"agentId", "healthy", "metrics", "timestamp"});
    checkFields<AgentMetricsUpdate>(
        R"({"agentId":"a","metrics":{"responseTime":1,"throughput":2,"errorRate":3,"queueSize":4,"activeConnections":5},"timestamp":5})",
        {"agentId", "metrics", "timestamp"});
    checkFields<AgentLogEntry>(R"({"agentId":"a","level":"warn","message":"m","context":null,"timestamp":5})",
                               {"agentId", "level", "message", "timestamp"});
}

TEST_CASE("each event of the task channel is read and written, and names the field that is wrong")
{
    checkFields<TaskProgress>(
        R"({"taskId":"t","progress":50,"status":"in-progress","message":"half","timestamp":5})",
        {"taskId", "progress", "status", "timestamp"});
    checkFields<TaskCompletion>(
        R"({"taskId":"t","status":"failed","result":{"success":true},"error":{"message":"m","code":"c","stack":"s"},"duration":7,"timestamp":5})",
        {"taskId", "status", "timestamp"});
    checkFields<TaskCreation>(
        R"({"taskId":"t","agentId":"a","type":"digest","priority":3,"metadata":{},"timestamp":5})",
        {"taskId", "type", "timestamp"});
    checkFields<TaskAssignment>(R"({"taskId":"t","agentId":"a","timestamp":5})",
                                {"taskId", "agentId", "timestamp"});
    checkFields<TaskError>(
        R"({"taskId":"t","error":{"message":"m","code":"c","stack":"s","recoverable":true},"timestamp":5})",
        {"taskId", "error", "timestamp"});
}

TEST_CASE("each event of the swarm channel is read and written, and names the field that is wrong")
{
    checkFields<SwarmTopologyChange>(
        R"({"swarmId":"s","oldTopology":"mesh","newTopology":"hierarchical-mesh","reason":"r","timestamp":5})",
        {"swarmId", "oldTopology", "newTopology", "timestamp"});
    checkFields<SwarmAgentJoined>(R"({"swarmId":"s","agentId":"a","role":"r","timestamp":5})",
                                  {"swarmId", "agentId", "timestamp"});
    checkFields<SwarmAgentLeft>(R"({"swarmId":"s","agentId":"a","reason":"r","timestamp":5})",
                                {"swarmId", "agentId", "timestamp"});
    checkFields<SwarmConsensus>(
        R"({"swarmId":"s","proposalId":"p","type":"voting","proposal":{"action":"scale-up"},"ballot":{"electorate":["a","b"],"size":2,"rule":"supermajority","fraction":0.5,"deadline":9},"votes":[{"agentId":"a","vote":"abstain"}],"result":{"accepted":true,"votesFor":1,"votesAgainst":2,"abstentions":3},"timestamp":5})",
        {"swarmId", "proposalId", "type", "timestamp"});
    checkFields<SwarmDecision>(
        R"({"swarmId":"s","decisionId":"d","question":"q","options":["a","b"],"ballot":{"deadline":9},"votes":[{"agentId":"a","option":"a","confidence":0.5}],"timestamp":5})",
        {"swarmId", "decisionId", "votes", "timestamp"});
    checkFields<SwarmState>(
        R"({"swarmId":"s","state":{"topology":"adaptive","agentCount":1,"activeAgents":2,"queueSize":3,"healthScore":99.5},"timestamp":5})",
        {"swarmId", "state", "timestamp"});
    checkFields<SwarmCoordination>(
        R"({"swarmId":"s","type":"workload-balance","data":[1,{"b":2}],"timestamp":5})",
        {"swarmId", "type", "data", "timestamp"});
}

TEST_CASE("what is wrong with data is said with its place, what was expected, and what was found")
{
    CHECK(
        problem<AgentHealthUpdate>(R"({"agentId":"a","healthy":true,"metrics":{"cpu":"5"},"timestamp":5})") ==
        "metrics.cpu: expected a number, found a string");
    CHECK(problem<AgentStatusChange>(R"({"agentId":"a","status":"bored","timestamp":5})") ==
          R"(status: expected one of idle, busy, error, offline, found "bored")");
    CHECK(
        problem<SwarmConsensus>(
            R"({"swarmId":"s","proposalId":"p","type":"voting","votes":[{"agentId":"a","vote":"yes"},{"agentId":"b"}],"timestamp":5})") ==
        "votes[1].vote: missing");
    CHECK(problem<TaskProgress>(R"({"taskId":"t","progress":101,"status":"pending","timestamp":5})") ==
          "progress: expected 0 to 100, found 101");
    CHECK(problem<TaskProgress>("[]") == "data: expected an object, found an array");
    CHECK(problem<TaskProgress>("{}") == "taskId: missing");
    CHECK(problem<TaskAssignment>(R"({"taskId":"","agentId":"a","timestamp":5})") ==
          "taskId: expected one that is not empty");
    CHECK(problem<TaskAssignment>(R"({"taskId":"t","agentId":null,"timestamp":5})") ==
          "agentId: expected a string, found null");
    CHECK(
        problem<SwarmState>(
            R"({"swarmId":"s","state":{"topology":"mesh","agentCount":1.5,"activeAgents":2,"queueSize":3,"healthScore":1},"timestamp":5})") ==
        "state.agentCount: expected a whole number, not below 0, found a number");
    CHECK(
        problem<SwarmState>(
            R"({"swarmId":"s","state":{"topology":"mesh","agentCount":-1,"activeAgents":2,"queueSize":3,"healthScore":1},"timestamp":5})") ==
        "state.agentCount: expected a whole number, not below 0, found a number");
}

TEST_CASE("optional fields that are empty are left out, and free JSON keeps its bytes")
{
    CHECK(writePayload(
              AgentStatusChange{.agentId = "a\"", .timestamp = Timestamp(std::chrono::milliseconds(7))})
              .text() == R"({"agentId":"a\"","status":"idle","timestamp":7})");
    const std::string_view bytes = R"({"n": 1.00000000000000000001, "s":"\ud800"})";
    const auto read = readPayload<TaskCompletion>(Json::parse(
        R"({"taskId":"t","status":"completed","result":)" + std::string(bytes) + R"(,"timestamp":1})"));
    REQUIRE(std::holds_alternative<TaskCompletion>(read));
    CHECK(std::get<TaskCompletion>(read).result->text() == bytes);
}

TEST_CASE("what cannot be written is refused before it is sent")
{
    CHECK_THROWS_AS(static_cast<void>(writePayload(TaskProgress{.taskId = "t", .progress = -1})), Error);
    CHECK_THROWS_AS(static_cast<void>(writePayload(TaskProgress{.taskId = "", .progress = 1})), Error);
    CHECK_THROWS_AS(
        static_cast<void>(writePayload(AgentHealthUpdate{.agentId = "a", .metrics = {.cpu = 1.0 / 0.0}})),
        Error);
}

TEST_CASE("an event lives on its entity's topic and on its channel's")
{
    CHECK(entityTopic<SwarmAgentJoined>("s1") == "swarm.s1.agent-joined");
    CHECK(channelTopic<SwarmAgentJoined>() == "swarm.agent-joined");
    CHECK(entityOf(TaskProgress{.taskId = "t1"}) == "t1");
}
