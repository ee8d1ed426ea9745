#pragma once

#include <strandcast/channel_stream.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

class SwarmClientCore;

/// The client's half of the swarm channel: subscribes to what happens to swarms, gives it as typed streams,
/// and reports. One change comes once, however many subscriptions match it.
///
/// What a client says of a swarm comes back to none of its own subscriptions.
///
/// Every operation may be awaited from any executor. It may go before or after its client, which may move;
/// without the client every operation ends with Errc::cancelled.
class SwarmChannelClient
{
public:
    explicit SwarmChannelClient(WSClient& client);
    SwarmChannelClient(SwarmChannelClient&&) noexcept;
    SwarmChannelClient& operator=(SwarmChannelClient&&) = delete;
    ~SwarmChannelClient();

    // Each ends with the server's ack, and throws as WSClient::subscribe(). Asking again for what is
    // subscribed to, or taking back what is not, is harmless.

    /// The topics of all swarms: `swarm.topology` and so on.
    [[nodiscard]] asio::awaitable<void> subscribeAll();
    /// The seven topics of one swarm, each a subscription of its own in the server's count: so it works where
    /// the server has no patterns. For many swarms take subscribeAll(), or a pattern.
    /// @throws Error with Errc::invalidArgument for an id that is not one segment of a topic.
    [[nodiscard]] asio::awaitable<void> subscribeToSwarm(std::string swarmId);
    /// `swarm.` and the pattern: `*.topology` is that of every swarm.
    [[nodiscard]] asio::awaitable<void> subscribePattern(std::string pattern);
    [[nodiscard]] asio::awaitable<void> unsubscribeFromSwarm(std::string swarmId);
    [[nodiscard]] asio::awaitable<void> unsubscribePattern(std::string pattern);
    /// Takes back all that this channel client has subscribed to.
    [[nodiscard]] asio::awaitable<void> unsubscribeAll();
    /// The swarms of subscribeToSwarm(), in the order of their ids.
    [[nodiscard]] std::vector<std::string> getSubscribedSwarms() const;

    // Each publishes on the swarm's topic, ends with the server's ack, and throws as WSClient::publish();
    // with Errc::invalidArgument for what cannot be written, or an id that is no segment of a topic. A
    // timestamp that is left empty is the moment of the call.
    /// One agent's vote on a proposal, on `swarm.<swarmId>.consensus`; the last one before the close counts.
    [[nodiscard]] asio::awaitable<Receipt> submitVote(std::string swarmId, std::string proposalId, Vote vote,
                                                      std::string agentId);
    /// One agent's choice in a decision, on `swarm.<swarmId>.decision`; a confidence left out is 1.
    [[nodiscard]] asio::awaitable<Receipt> submitDecision(std::string swarmId, std::string decisionId,
                                                          std::string option, std::string agentId,
                                                          std::optional<double> confidence = {});
    /// Proposes something to a swarm. With a ballot the server opens it, where its channel server allows
    /// that; without one nobody counts the votes.
    [[nodiscard]] asio::awaitable<Receipt> propose(std::string swarmId, std::string proposalId, Json proposal,
                                                   std::optional<Ballot> ballot = {});

    // Each ends when it is decided, or at once where it was before and the server still knows; a server that
    // speaks version 1.0.0 alone tells only what comes after the call. It subscribes by itself, and takes
    // that back at its end. A timeout of 0 is for ever. They throw Error with Errc::timedOut, naming what was
    // waited for, Errc::disconnected where the client ends its connection meanwhile, Errc::cancelled, and
    // RemoteError where the server refuses the subscription.

    /// The result of a proposal, counted from the votes where it came without its counts.
    [[nodiscard]] asio::awaitable<ConsensusResult>
    waitForConsensus(std::string swarmId, std::string proposalId, std::chrono::milliseconds timeout);
    [[nodiscard]] asio::awaitable<DecisionResult> waitForDecision(std::string swarmId, std::string decisionId,
                                                                  std::chrono::milliseconds timeout);

    // What comes, of all swarms or of one. Bounded by the client's `queueSize` and `queueBytes`; a full
    // stream drops its oldest. They hear only what is subscribed to, and end when the client's streams do.
    [[nodiscard]] ChannelStream<SwarmTopologyChange> topologyChanges(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmAgentJoined> agentsJoined(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmAgentLeft> agentsLeft(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmConsensus> consensus(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmDecision> decisions(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmState> states(std::optional<std::string> swarmId = {});
    [[nodiscard]] ChannelStream<SwarmCoordination> coordination(std::optional<std::string> swarmId = {});
    /// What came on the channel's topics that does not fit.
    [[nodiscard]] ChannelStream<MalformedEvent> malformed();

private:
    std::shared_ptr<SwarmClientCore> core_;
};

}  // namespace strandcast
