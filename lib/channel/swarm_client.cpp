#include "channel/channel_client.hpp"

#include <strandcast/swarm_client.hpp>

#include <fmt/format.h>

#include <utility>

namespace strandcast
{

class SwarmClientCore final : public ChannelClientCore<SwarmPayloads>
{
public:
    using ChannelClientCore::ChannelClientCore;
};

namespace
{

ConsensusResult resultOf(const SwarmConsensus& event)
{
    if (event.result) return *event.result;
    ConsensusResult result{.accepted = event.type == ConsensusStep::accepted};
    if (!event.votes) return result;
    for (const auto& [agentId, vote] : *event.votes)
        ++(vote == Vote::yes ? result.votesFor : vote == Vote::no ? result.votesAgainst : result.abstentions);
    return result;
}

asio::awaitable<ConsensusResult> resultWhenDecided(asio::awaitable<SwarmConsensus> decided)
{
    co_return resultOf(co_await std::move(decided));
}

asio::awaitable<DecisionResult> resultWhenDecided(asio::awaitable<SwarmDecision> decided)
{
    const auto event = co_await std::move(decided);
    co_return *event.result;
}

}  // namespace

SwarmChannelClient::SwarmChannelClient(WSClient& client) : core_(joinChannel<SwarmClientCore>(client)) {}

SwarmChannelClient::SwarmChannelClient(SwarmChannelClient&&) noexcept = default;

SwarmChannelClient::~SwarmChannelClient()
{
    leaveChannel(std::move(core_));
}

asio::awaitable<void> SwarmChannelClient::subscribeAll()
{
    return core_->subscribeAll();
}

asio::awaitable<void> SwarmChannelClient::subscribeToSwarm(std::string swarmId)
{
    return SwarmClientCore::subscribeTo(core_, std::move(swarmId));
}

asio::awaitable<void> SwarmChannelClient::subscribePattern(std::string pattern)
{
    return core_->subscribePattern(std::move(pattern));
}

asio::awaitable<void> SwarmChannelClient::unsubscribeFromSwarm(std::string swarmId)
{
    return core_->unsubscribeFrom(std::move(swarmId));
}

asio::awaitable<void> SwarmChannelClient::unsubscribePattern(std::string pattern)
{
    return core_->unsubscribePattern(std::move(pattern));
}

asio::awaitable<void> SwarmChannelClient::unsubscribeAll()
{
    return core_->unsubscribeAll();
}

std::vector<std::string> SwarmChannelClient::getSubscribedSwarms() const
{
    return core_->subscribed();
}

asio::awaitable<Receipt> SwarmChannelClient::submitVote(std::string swarmId, std::string proposalId,
                                                        Vote vote, std::string agentId)
{
    return SwarmClientCore::report(core_,
                                   SwarmConsensus{.swarmId = std::move(swarmId),
                                                  .proposalId = std::move(proposalId),
                                                  .type = ConsensusStep::voting,
                                                  .votes = std::vector{AgentVote{std::move(agentId), vote}}});
}

asio::awaitable<Receipt> SwarmChannelClient::submitDecision(std::string swarmId, std::string decisionId,
                                                            std::string option, std::string agentId,
                                                            std::optional<double> confidence)
{
    return SwarmClientCore::report(
        core_, SwarmDecision{.swarmId = std::move(swarmId),
                             .decisionId = std::move(decisionId),
                             .votes = {{std::move(agentId), std::move(option), confidence}}});
}

asio::awaitable<Receipt> SwarmChannelClient::propose(std::string swarmId, std::string proposalId,
                                                     Json proposal, std::optional<Ballot> ballot)
{
    return SwarmClientCore::report(core_, SwarmConsensus{.swarmId = std::move(swarmId),
                                                         .proposalId = std::move(proposalId),
                                                         .type = ConsensusStep::proposed,
                                                         .proposal = std::move(proposal),
                                                         .ballot = std::move(ballot)});
}

asio::awaitable<ConsensusResult> SwarmChannelClient::waitForConsensus(std::string swarmId,
                                                                      std::string proposalId,
                                                                      std::chrono::milliseconds timeout)
{
    auto matter = matterOf(swarmId, proposalId);
    auto tooLate = fmt::format("proposal '{}' of swarm '{}' was not decided after {} ms", proposalId, swarmId,
                               timeout.count());
    return resultWhenDecided(SwarmClientCore::waitFor<SwarmConsensus>(
        core_, std::move(swarmId), std::move(matter), timeout, std::move(tooLate)));
}

asio::awaitable<DecisionResult> SwarmChannelClient::waitForDecision(std::string swarmId,
                                                                    std::string decisionId,
                                                                    std::chrono::milliseconds timeout)
{
    auto matter = matterOf(swarmId, decisionId);
    auto tooLate = fmt::format("decision '{}' of swarm '{}' was not taken after {} ms", decisionId, swarmId,
                               timeout.count());
    return resultWhenDecided(SwarmClientCore::waitFor<SwarmDecision>(
        core_, std::move(swarmId), std::move(matter), timeout, std::move(tooLate)));
}

ChannelStream<SwarmTopologyChange> SwarmChannelClient::topologyChanges(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmTopologyChange>(std::move(swarmId));
}

ChannelStream<SwarmAgentJoined> SwarmChannelClient::agentsJoined(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmAgentJoined>(std::move(swarmId));
}

ChannelStream<SwarmAgentLeft> SwarmChannelClient::agentsLeft(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmAgentLeft>(std::move(swarmId));
}

ChannelStream<SwarmConsensus> SwarmChannelClient::consensus(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmConsensus>(std::move(swarmId));
}

ChannelStream<SwarmDecision> SwarmChannelClient::decisions(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmDecision>(std::move(swarmId));
}

ChannelStream<SwarmState> SwarmChannelClient::states(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmState>(std::move(swarmId));
}

ChannelStream<SwarmCoordination> SwarmChannelClient::coordination(std::optional<std::string> swarmId)
{
    return core_->listen<SwarmCoordination>(std::move(swarmId));
}

ChannelStream<MalformedEvent> SwarmChannelClient::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
