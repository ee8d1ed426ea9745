#include "channel/channel_server_handle.hpp"
#include "channel/swarm_server_core.hpp"
#include "coro/hop.hpp"

#include <strandcast/swarm_server.hpp>

#include <utility>

namespace strandcast
{

namespace
{

// Votes and tallies stand on the same topic as what they led to.
constexpr std::size_t retainedSteps = 1'000;

}  // namespace

SwarmChannelServer::SwarmChannelServer(WSRouter& router, ChannelServerOptions options)
    : core_(openChannel<SwarmServerCore>(
          router, options, {{"swarm.*.consensus", retainedSteps}, {"swarm.*.decision", retainedSteps}}))
{
}

SwarmChannelServer::SwarmChannelServer(SwarmChannelServer&&) noexcept = default;

SwarmChannelServer::~SwarmChannelServer()
{
    closeChannel(std::move(core_));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishTopologyChange(SwarmTopologyChange event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishAgentJoined(SwarmAgentJoined event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishAgentLeft(SwarmAgentLeft event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishConsensus(SwarmConsensus event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishCollectiveDecision(SwarmDecision event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishState(SwarmState event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishCoordination(SwarmCoordination event)
{
    return SwarmServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishSwarmInitialized(std::string swarmId,
                                                                            SwarmTopology topology)
{
    return publishState({.swarmId = std::move(swarmId), .state = {.topology = topology}});
}

asio::awaitable<PublishReceipt>
SwarmChannelServer::publishConsensusProposal(std::string swarmId, std::string proposalId, Json proposal)
{
    return publishConsensus({.swarmId = std::move(swarmId),
                             .proposalId = std::move(proposalId),
                             .type = ConsensusStep::proposed,
                             .proposal = std::move(proposal)});
}

asio::awaitable<PublishReceipt> SwarmChannelServer::publishConsensusResult(std::string swarmId,
                                                                           std::string proposalId,
                                                                           bool accepted,
                                                                           std::vector<AgentVote> votes)
{
    ConsensusResult result{.accepted = accepted};
    for (const auto& [agentId, vote] : votes)
        ++(vote == Vote::yes ? result.votesFor : vote == Vote::no ? result.votesAgainst : result.abstentions);
    return publishConsensus({.swarmId = std::move(swarmId),
                             .proposalId = std::move(proposalId),
                             .type = accepted ? ConsensusStep::accepted : ConsensusStep::rejected,
                             .votes = std::move(votes),
                             .result = result});
}

asio::awaitable<ConsensusResult> SwarmChannelServer::openProposal(std::string swarmId, std::string proposalId,
                                                                  Json proposal, Ballot ballot)
{
    return hop(core_->executor(),
               SwarmServerCore::conduct(core_, Proposal(std::move(swarmId), std::move(proposalId),
                                                        std::move(proposal), std::move(ballot))));
}

asio::awaitable<DecisionResult> SwarmChannelServer::openDecision(std::string swarmId, std::string decisionId,
                                                                 std::string question,
                                                                 std::vector<std::string> options,
                                                                 Ballot ballot)
{
    return hop(core_->executor(),
               SwarmServerCore::conduct(core_, Decision(std::move(swarmId), std::move(decisionId),
                                                        std::move(question), std::move(options),
                                                        std::move(ballot))));
}

EventStream<SwarmTopologyChange> SwarmChannelServer::topologyChanges(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmTopologyChange>(std::move(swarmId));
}

EventStream<SwarmAgentJoined> SwarmChannelServer::agentsJoined(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmAgentJoined>(std::move(swarmId));
}

EventStream<SwarmAgentLeft> SwarmChannelServer::agentsLeft(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmAgentLeft>(std::move(swarmId));
}

EventStream<SwarmConsensus> SwarmChannelServer::consensus(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmConsensus>(std::move(swarmId));
}

EventStream<SwarmDecision> SwarmChannelServer::decisions(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmDecision>(std::move(swarmId));
}

EventStream<SwarmState> SwarmChannelServer::states(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmState>(std::move(swarmId));
}

EventStream<SwarmCoordination> SwarmChannelServer::coordination(std::optional<std::string> swarmId)
{
    return core_->reports<SwarmCoordination>(std::move(swarmId));
}

EventStream<MalformedReport> SwarmChannelServer::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
