#pragma once

#include <strandcast/agent_events.hpp>
#include <strandcast/channel_stream.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

class AgentClientCore;

/// The client's half of the agent channel: subscribes to what happens to agents, gives it as typed streams,
/// and reports. One change comes once, however many subscriptions match it.
///
/// What a client reports comes back to none of its own subscriptions.
///
/// Every operation may be awaited from any executor. It may go before or after its client, which may move;
/// without the client every operation ends with Errc::cancelled.
class AgentChannelClient
{
public:
    explicit AgentChannelClient(WSClient& client);
    AgentChannelClient(AgentChannelClient&&) noexcept;
    AgentChannelClient& operator=(AgentChannelClient&&) = delete;
    ~AgentChannelClient();

    // Each ends with the server's ack, and throws as WSClient::subscribe(). Asking again for what is
    // subscribed to, or taking back what is not, is harmless.

    /// The topics of all agents: `agent.status` and so on.
    [[nodiscard]] asio::awaitable<void> subscribeAll();
    /// The four topics of one agent, each a subscription of its own in the server's count: so it works where
    /// the server has no patterns. For many agents take subscribeAll(), or a pattern.
    /// @throws Error with Errc::invalidArgument for an id that is not one segment of a topic.
    [[nodiscard]] asio::awaitable<void> subscribeToAgent(std::string agentId);
    /// `agent.` and the pattern: `*.status` is that of every agent.
    [[nodiscard]] asio::awaitable<void> subscribePattern(std::string pattern);
    [[nodiscard]] asio::awaitable<void> unsubscribeFromAgent(std::string agentId);
    [[nodiscard]] asio::awaitable<void> unsubscribePattern(std::string pattern);
    /// Takes back all that this channel client has subscribed to.
    [[nodiscard]] asio::awaitable<void> unsubscribeAll();
    /// The agents of subscribeToAgent(), in the order of their ids.
    [[nodiscard]] std::vector<std::string> getSubscribedAgents() const;

    // Each publishes on the agent's topic, ends with the server's ack, and throws as WSClient::publish();
    // with Errc::invalidArgument for what cannot be written, or an id that is no segment of a topic. A
    // timestamp that is left empty is the moment of the call.
    [[nodiscard]] asio::awaitable<Receipt> reportStatus(AgentStatusChange event);
    [[nodiscard]] asio::awaitable<Receipt> reportHealth(AgentHealthUpdate event);
    [[nodiscard]] asio::awaitable<Receipt> reportMetrics(AgentMetricsUpdate event);
    [[nodiscard]] asio::awaitable<Receipt> sendLog(AgentLogEntry event);

    // What comes, of all agents or of one. Bounded by the client's `queueSize` and `queueBytes`; a full
    // stream drops its oldest. They hear only what is subscribed to, and end when the client's streams do.
    [[nodiscard]] ChannelStream<AgentStatusChange> statusChanges(std::optional<std::string> agentId = {});
    [[nodiscard]] ChannelStream<AgentHealthUpdate> healthUpdates(std::optional<std::string> agentId = {});
    [[nodiscard]] ChannelStream<AgentMetricsUpdate> metricsUpdates(std::optional<std::string> agentId = {});
    [[nodiscard]] ChannelStream<AgentLogEntry> logEntries(std::optional<std::string> agentId = {});
    /// What came on the channel's topics that does not fit.
    [[nodiscard]] ChannelStream<MalformedEvent> malformed();

private:
    std::shared_ptr<AgentClientCore> core_;
};

}  // namespace strandcast
