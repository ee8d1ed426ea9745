#pragma once

#include <strandcast/message.hpp>

#include <boost/describe/class.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

// What happens to swarms (protocol.md, "Channel topics"). A field that is optional here is optional on the
// wire. A timestamp that is left empty is filled in with the moment of the publish.

enum class SwarmTopology : std::uint8_t
{
    hierarchical,
    mesh,
    hierarchicalMesh,
    adaptive,
};

enum class Vote : std::uint8_t
{
    yes,
    no,
    abstain,
};

/// What happens to a proposal.
enum class ConsensusStep : std::uint8_t
{
    proposed,
    voting,
    accepted,
    rejected,
};

/// What decides a ballot of n voters, of whom a abstained; each needs at least one yes.
enum class BallotRule : std::uint8_t
{
    majority,       ///< yes > (n - a) / 2
    supermajority,  ///< yes >= fraction * (n - a)
    unanimous,      ///< yes = n - a
};

enum class CoordinationType : std::uint8_t
{
    taskAssignment,
    resourceAllocation,
    priorityChange,
    workloadBalance,
};

/// The names on the wire.
[[nodiscard]] std::string_view toString(SwarmTopology topology) noexcept;
[[nodiscard]] std::string_view toString(Vote vote) noexcept;
[[nodiscard]] std::string_view toString(ConsensusStep step) noexcept;
[[nodiscard]] std::string_view toString(BallotRule rule) noexcept;
[[nodiscard]] std::string_view toString(CoordinationType type) noexcept;

/// On `swarm.<swarmId>.topology` and `swarm.topology`.
struct SwarmTopologyChange
{
    std::string swarmId;
    SwarmTopology oldTopology = SwarmTopology::mesh;
    SwarmTopology newTopology = SwarmTopology::mesh;
    std::optional<std::string> reason = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmTopologyChange, (), (swarmId, oldTopology, newTopology, reason, timestamp))

/// On `swarm.<swarmId>.agent-joined` and `swarm.agent-joined`.
struct SwarmAgentJoined
{
    std::string swarmId;
    std::string agentId;
    std::optional<std::string> role = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmAgentJoined, (), (swarmId, agentId, role, timestamp))

/// On `swarm.<swarmId>.agent-left` and `swarm.agent-left`.
struct SwarmAgentLeft
{
    std::string swarmId;
    std::string agentId;
    std::optional<std::string> reason = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmAgentLeft, (), (swarmId, agentId, reason, timestamp))

/// Who votes, by which rule, and until when.
struct Ballot
{
    std::optional<std::vector<std::string>> electorate = {};  ///< the agents that may vote
    std::optional<std::size_t> size = {};  ///< how many will; with neither, whoever has at the deadline
    std::optional<BallotRule> rule = {};   ///< of a proposal; left out it is majority. A decision has none
    std::optional<double> fraction = {};   ///< of a supermajority: 0 to 1
    Timestamp deadline = {};               ///< when a missing vote counts as no
};
BOOST_DESCRIBE_STRUCT(Ballot, (), (electorate, size, rule, fraction, deadline))

struct AgentVote
{
    std::string agentId;
    Vote vote = Vote::abstain;
};
BOOST_DESCRIBE_STRUCT(AgentVote, (), (agentId, vote))

struct ConsensusResult
{
    bool accepted = false;
    std::size_t votesFor = 0;
    std::size_t votesAgainst = 0;
    std::size_t abstentions = 0;

    friend bool operator==(const ConsensusResult&, const ConsensusResult&) = default;
};
BOOST_DESCRIBE_STRUCT(ConsensusResult, (), (accepted, votesFor, votesAgainst, abstentions))

/// On `swarm.<swarmId>.consensus` and `swarm.consensus`.
struct SwarmConsensus
{
    std::string swarmId;
    std::string proposalId;
    ConsensusStep type = ConsensusStep::proposed;
    std::optional<Json> proposal = {};
    std::optional<Ballot> ballot = {};
    std::optional<std::vector<AgentVote>> votes = {};
    std::optional<ConsensusResult> result = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmConsensus, (),
                      (swarmId, proposalId, type, proposal, ballot, votes, result, timestamp))

struct AgentChoice
{
    std::string agentId;
    std::string option;
    std::optional<double> confidence = {};  ///< left out it is 1
};
BOOST_DESCRIBE_STRUCT(AgentChoice, (), (agentId, option, confidence))

struct DecisionResult
{
    std::string selectedOption;
    double confidence = 0;  ///< the winner's share of all confidences

    friend bool operator==(const DecisionResult&, const DecisionResult&) = default;
};
BOOST_DESCRIBE_STRUCT(DecisionResult, (), (selectedOption, confidence))

/// On `swarm.<swarmId>.decision` and `swarm.decision`.
struct SwarmDecision
{
    std::string swarmId;
    std::string decisionId;
    std::optional<std::string> question = {};
    std::optional<std::vector<std::string>> options = {};
    std::optional<Ballot> ballot = {};
    std::vector<AgentChoice> votes = {};
    std::optional<DecisionResult> result = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmDecision, (),
                      (swarmId, decisionId, question, options, ballot, votes, result, timestamp))

struct SwarmCondition
{
    SwarmTopology topology = SwarmTopology::mesh;
    std::size_t agentCount = 0;
    std::size_t activeAgents = 0;
    std::size_t queueSize = 0;
    double healthScore = 100;
};
BOOST_DESCRIBE_STRUCT(SwarmCondition, (), (topology, agentCount, activeAgents, queueSize, healthScore))

/// On `swarm.<swarmId>.state` and `swarm.state`.
struct SwarmState
{
    std::string swarmId;
    SwarmCondition state = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmState, (), (swarmId, state, timestamp))

/// On `swarm.<swarmId>.coordination` and `swarm.coordination`.
struct SwarmCoordination
{
    std::string swarmId;
    CoordinationType type = CoordinationType::taskAssignment;
    Json data = Json(nullptr);
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(SwarmCoordination, (), (swarmId, type, data, timestamp))

}  // namespace strandcast
