#include "channel/channel_server_core.hpp"
#include "channel/channel_server_handle.hpp"

#include <strandcast/agent_server.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <utility>

namespace strandcast
{

class AgentServerCore final : public ChannelServerCore<AgentPayloads>
{
public:
    using ChannelServerCore::ChannelServerCore;
};

namespace
{

/// The metadata of an agent's beginning or end.
boost::json::object describeStep(std::string_view step)
{
    boost::json::object metadata;
    metadata["event"] = step;
    return metadata;
}

AgentStatusChange stepOf(std::string agentId, AgentStatus status, boost::json::object metadata)
{
    return {.agentId = std::move(agentId),
            .status = status,
            .metadata = Json(boost::json::value(std::move(metadata)))};
}

}  // namespace

AgentChannelServer::AgentChannelServer(WSRouter& router, ChannelServerOptions options)
    : core_(openChannel<AgentServerCore>(router, options, {}))
{
}

AgentChannelServer::AgentChannelServer(AgentChannelServer&&) noexcept = default;

AgentChannelServer::~AgentChannelServer()
{
    closeChannel(std::move(core_));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishStatusChange(AgentStatusChange event)
{
    return AgentServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishHealthUpdate(AgentHealthUpdate event)
{
    return AgentServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishMetrics(AgentMetricsUpdate event)
{
    return AgentServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishLog(AgentLogEntry event)
{
    return AgentServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishAgentStarted(std::string agentId,
                                                                        std::optional<Json> metadata)
{
    auto described = describeStep("started");
    if (metadata)
    {
        const auto more = metadata->value();
        const auto* const object = more.if_object();
        if (!object) throw Error(Errc::invalidArgument, "metadata: expected an object");
        described.insert(object->begin(), object->end());
    }
    return AgentServerCore::publish(core_,
                                    stepOf(std::move(agentId), AgentStatus::idle, std::move(described)));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishAgentStopped(std::string agentId,
                                                                        std::optional<std::string> reason)
{
    auto described = describeStep("stopped");
    if (reason) described["reason"] = *reason;
    return AgentServerCore::publish(core_,
                                    stepOf(std::move(agentId), AgentStatus::offline, std::move(described)));
}

asio::awaitable<PublishReceipt> AgentChannelServer::publishAgentError(std::string agentId, std::string error)
{
    auto described = describeStep("error");
    described["error"] = error;
    return AgentServerCore::publish(core_,
                                    stepOf(std::move(agentId), AgentStatus::error, std::move(described)));
}

EventStream<AgentStatusChange> AgentChannelServer::statusChanges(std::optional<std::string> agentId)
{
    return core_->reports<AgentStatusChange>(std::move(agentId));
}

EventStream<AgentHealthUpdate> AgentChannelServer::healthUpdates(std::optional<std::string> agentId)
{
    return core_->reports<AgentHealthUpdate>(std::move(agentId));
}

EventStream<AgentMetricsUpdate> AgentChannelServer::metricsUpdates(std::optional<std::string> agentId)
{
    return core_->reports<AgentMetricsUpdate>(std::move(agentId));
}

EventStream<AgentLogEntry> AgentChannelServer::logEntries(std::optional<std::string> agentId)
{
    return core_->reports<AgentLogEntry>(std::move(agentId));
}

EventStream<MalformedReport> AgentChannelServer::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
