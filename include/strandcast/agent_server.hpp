#pragma once

#include <strandcast/agent_events.hpp>
#include <strandcast/channel_server_options.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/message.hpp>
#include <strandcast/ws_router.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

namespace strandcast
{

class AgentServerCore;

/// The server's half of the agent channel: publishes what happens to agents, each time on the agent's topic
/// and on the channel's; and what clients report of agents it streams, and has logged on the channel's topic
/// as well.
///
/// Every operation may be awaited from any executor. It may go before or after its router; then what clients
/// report passes as any event does, and the streams end.
class AgentChannelServer
{
public:
    explicit AgentChannelServer(WSRouter& router, ChannelServerOptions options = {});
    AgentChannelServer(AgentChannelServer&&) noexcept;
    AgentChannelServer& operator=(AgentChannelServer&&) = delete;
    ~AgentChannelServer();

    // Each ends when the event is in the log, and throws Error with Errc::invalidArgument for what cannot be
    // written, or an id that is no segment of a topic, and Errc::cancelled where the router has gone. The
    // receipt is that of the agent's topic, but for the subscribers, which are of both.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishStatusChange(AgentStatusChange event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishHealthUpdate(AgentHealthUpdate event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishMetrics(AgentMetricsUpdate event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishLog(AgentLogEntry event);

    /// Status `idle`, with `"event": "started"` in its metadata beside `metadata`, an object.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAgentStarted(std::string agentId,
                                                                      std::optional<Json> metadata = {});
    /// Status `offline`, with `"event": "stopped"` and the reason in its metadata.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAgentStopped(std::string agentId,
                                                                      std::optional<std::string> reason = {});
    /// Status `error`, with `"event": "error"` and the text as `"error"` in its metadata.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAgentError(std::string agentId, std::string error);

    // What clients reported, of all agents or of one, once it is in the log. Bounded by the option
    // `queueSize`; a full stream drops its oldest.
    [[nodiscard]] EventStream<AgentStatusChange> statusChanges(std::optional<std::string> agentId = {});
    [[nodiscard]] EventStream<AgentHealthUpdate> healthUpdates(std::optional<std::string> agentId = {});
    [[nodiscard]] EventStream<AgentMetricsUpdate> metricsUpdates(std::optional<std::string> agentId = {});
    [[nodiscard]] EventStream<AgentLogEntry> logEntries(std::optional<std::string> agentId = {});
    /// What they reported that does not fit.
    [[nodiscard]] EventStream<MalformedReport> malformed();

private:
    std::shared_ptr<AgentServerCore> core_;
};

}  // namespace strandcast
