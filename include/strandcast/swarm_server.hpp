#pragma once

#include <strandcast/channel_server_options.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/message.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/ws_router.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

class SwarmServerCore;

/// The server's half of the swarm channel: publishes what happens to swarms, each time on the swarm's topic
/// and on the channel's; and what clients report of swarms it streams, and has logged on the channel's topic
/// as well. What was decided stays with the router for the option `retention`, so that who waits for it later
/// sees it.
///
/// Every operation may be awaited from any executor. It may go before or after its router; then what clients
/// report passes as any event does, and the streams end.
class SwarmChannelServer
{
public:
    explicit SwarmChannelServer(WSRouter& router, ChannelServerOptions options = {});
    SwarmChannelServer(SwarmChannelServer&&) noexcept;
    SwarmChannelServer& operator=(SwarmChannelServer&&) = delete;
    ~SwarmChannelServer();

    // Each ends when the event is in the log, and throws Error with Errc::invalidArgument for what cannot be
    // written, or an id that is no segment of a topic, and Errc::cancelled where the router has gone. The
    // receipt is that of the swarm's topic, but for the subscribers, which are of both.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishTopologyChange(SwarmTopologyChange event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAgentJoined(SwarmAgentJoined event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAgentLeft(SwarmAgentLeft event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishConsensus(SwarmConsensus event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishCollectiveDecision(SwarmDecision event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishState(SwarmState event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishCoordination(SwarmCoordination event);

    /// A state without agents, whose health score is 100.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishSwarmInitialized(std::string swarmId,
                                                                          SwarmTopology topology);
    /// A proposal that nobody counts the votes of.
    [[nodiscard]] asio::awaitable<PublishReceipt>
    publishConsensusProposal(std::string swarmId, std::string proposalId, Json proposal);
    /// `accepted` or `rejected`, with the counts of these votes.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishConsensusResult(std::string swarmId,
                                                                         std::string proposalId,
                                                                         bool accepted,
                                                                         std::vector<AgentVote> votes);

    /// Opens a ballot on a proposal: publishes `proposed`, counts the agents' votes, publishes `voting` with
    /// the tally as it moves, and closes with `accepted` or `rejected` as soon as the votes that are missing
    /// cannot change the outcome, or at the deadline, when a missing vote counts as no. One vote per agent,
    /// the last one stands. Until then, and behind it, the proposal is the server's: clients are refused that
    /// vote from outside the electorate, after the close, or that publish a tally or an outcome of it.
    /// Cancelling withdraws it: it is closed as rejected.
    /// @returns the outcome, with counts of the votes that were cast (protocol.md, "Channel topics").
    /// @throws Error with Errc::invalidArgument for a ballot that cannot be, naming the field, and for a
    /// proposal that was opened before; Errc::cancelled when cancelled, and where this or the router goes.
    [[nodiscard]] asio::awaitable<ConsensusResult> openProposal(std::string swarmId, std::string proposalId,
                                                                Json proposal, Ballot ballot);

    /// The same for a decision between options: the largest sum of confidences, of 0 to 1 each, wins. The
    /// ballot's rule is not needed. Cancelling withdraws it: nothing is decided.
    [[nodiscard]] asio::awaitable<DecisionResult> openDecision(std::string swarmId, std::string decisionId,
                                                               std::string question,
                                                               std::vector<std::string> options,
                                                               Ballot ballot);

    // What clients reported, of all swarms or of one, once it is in the log. Bounded by the option
    // `queueSize`; a full stream drops its oldest.
    [[nodiscard]] EventStream<SwarmTopologyChange> topologyChanges(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmAgentJoined> agentsJoined(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmAgentLeft> agentsLeft(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmConsensus> consensus(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmDecision> decisions(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmState> states(std::optional<std::string> swarmId = {});
    [[nodiscard]] EventStream<SwarmCoordination> coordination(std::optional<std::string> swarmId = {});
    /// What they reported that does not fit.
    [[nodiscard]] EventStream<MalformedReport> malformed();

private:
    std::shared_ptr<SwarmServerCore> core_;
};

}  // namespace strandcast
