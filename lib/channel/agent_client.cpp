#include "channel/channel_client.hpp"

#include <strandcast/agent_client.hpp>

#include <utility>

namespace strandcast
{

class AgentClientCore final : public ChannelClientCore<AgentPayloads>
{
public:
    using ChannelClientCore::ChannelClientCore;
};

AgentChannelClient::AgentChannelClient(WSClient& client) : core_(joinChannel<AgentClientCore>(client)) {}

AgentChannelClient::AgentChannelClient(AgentChannelClient&&) noexcept = default;

AgentChannelClient::~AgentChannelClient()
{
    leaveChannel(std::move(core_));
}

asio::awaitable<void> AgentChannelClient::subscribeAll()
{
    return core_->subscribeAll();
}

asio::awaitable<void> AgentChannelClient::subscribeToAgent(std::string agentId)
{
    return AgentClientCore::subscribeTo(core_, std::move(agentId));
}

asio::awaitable<void> AgentChannelClient::subscribePattern(std::string pattern)
{
    return core_->subscribePattern(std::move(pattern));
}

asio::awaitable<void> AgentChannelClient::unsubscribeFromAgent(std::string agentId)
{
    return core_->unsubscribeFrom(std::move(agentId));
}

asio::awaitable<void> AgentChannelClient::unsubscribePattern(std::string pattern)
{
    return core_->unsubscribePattern(std::move(pattern));
}

asio::awaitable<void> AgentChannelClient::unsubscribeAll()
{
    return core_->unsubscribeAll();
}

std::vector<std::string> AgentChannelClient::getSubscribedAgents() const
{
    return core_->subscribed();
}

asio::awaitable<Receipt> AgentChannelClient::reportStatus(AgentStatusChange event)
{
    return AgentClientCore::report(core_, std::move(event));
}

asio::awaitable<Receipt> AgentChannelClient::reportHealth(AgentHealthUpdate event)
{
    return AgentClientCore::report(core_, std::move(event));
}

asio::awaitable<Receipt> AgentChannelClient::reportMetrics(AgentMetricsUpdate event)
{
    return AgentClientCore::report(core_, std::move(event));
}

asio::awaitable<Receipt> AgentChannelClient::sendLog(AgentLogEntry event)
{
    return AgentClientCore::report(core_, std::move(event));
}

ChannelStream<AgentStatusChange> AgentChannelClient::statusChanges(std::optional<std::string> agentId)
{
    return core_->listen<AgentStatusChange>(std::move(agentId));
}

ChannelStream<AgentHealthUpdate> AgentChannelClient::healthUpdates(std::optional<std::string> agentId)
{
    return core_->listen<AgentHealthUpdate>(std::move(agentId));
}

ChannelStream<AgentMetricsUpdate> AgentChannelClient::metricsUpdates(std::optional<std::string> agentId)
{
    return core_->listen<AgentMetricsUpdate>(std::move(agentId));
}

ChannelStream<AgentLogEntry> AgentChannelClient::logEntries(std::optional<std::string> agentId)
{
    return core_->listen<AgentLogEntry>(std::move(agentId));
}

ChannelStream<MalformedEvent> AgentChannelClient::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
