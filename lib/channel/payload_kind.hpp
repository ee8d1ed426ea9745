#pragma once

#include <strandcast/agent_events.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/task_events.hpp>

#include <string>
#include <string_view>

namespace strandcast
{

/// Which topics an event of a channel's lives on: `<channel>.<id>.<kind>` and `<channel>.<kind>`.
template <typename Event>
struct PayloadKind;

template <>
struct PayloadKind<AgentStatusChange>
{
    static constexpr std::string_view channel = "agent", kind = "status";
    static constexpr auto id = &AgentStatusChange::agentId;
};
template <>
struct PayloadKind<AgentHealthUpdate>
{
    static constexpr std::string_view channel = "agent", kind = "health";
    static constexpr auto id = &AgentHealthUpdate::agentId;
};
template <>
struct PayloadKind<AgentMetricsUpdate>
{
    static constexpr std::string_view channel = "agent", kind = "metrics";
    static constexpr auto id = &AgentMetricsUpdate::agentId;
};
template <>
struct PayloadKind<AgentLogEntry>
{
    static constexpr std::string_view channel = "agent", kind = "logs";
    static constexpr auto id = &AgentLogEntry::agentId;
};
template <>
struct PayloadKind<TaskProgress>
{
    static constexpr std::string_view channel = "task", kind = "progress";
    static constexpr auto id = &TaskProgress::taskId;
};
template <>
struct PayloadKind<TaskCompletion>
{
    static constexpr std::string_view channel = "task", kind = "completed";
    static constexpr auto id = &TaskCompletion::taskId;
};
template <>
struct PayloadKind<TaskCreation>
{
    static constexpr std::string_view channel = "task", kind = "created";
    static constexpr auto id = &TaskCreation::taskId;
};
template <>
struct PayloadKind<TaskAssignment>
{
    static constexpr std::string_view channel = "task", kind = "assigned";
    static constexpr auto id = &TaskAssignment::taskId;
};
template <>
struct PayloadKind<TaskError>
{
    static constexpr std::string_view channel = "task", kind = "error";
    static constexpr auto id = &TaskError::taskId;
};
template <>
struct PayloadKind<SwarmTopologyChange>
{
    static constexpr std::string_view channel = "swarm", kind = "topology";
    static constexpr auto id = &SwarmTopologyChange::swarmId;
};
template <>
struct PayloadKind<SwarmAgentJoined>
{
    static constexpr std::string_view channel = "swarm", kind = "agent-joined";
    static constexpr auto id = &SwarmAgentJoined::swarmId;
};
template <>
struct PayloadKind<SwarmAgentLeft>
{
    static constexpr std::string_view channel = "swarm", kind = "agent-left";
    static constexpr auto id = &SwarmAgentLeft::swarmId;
};
template <>
struct PayloadKind<SwarmConsensus>
{
    static constexpr std::string_view channel = "swarm", kind = "consensus";
    static constexpr auto id = &SwarmConsensus::swarmId;
};
template <>
struct PayloadKind<SwarmDecision>
{
    static constexpr std::string_view channel = "swarm", kind = "decision";
    static constexpr auto id = &SwarmDecision::swarmId;
};
template <>
struct PayloadKind<SwarmState>
{
    static constexpr std::string_view channel = "swarm", kind = "state";
    static constexpr auto id = &SwarmState::swarmId;
};
template <>
struct PayloadKind<SwarmCoordination>
{
    static constexpr std::string_view channel = "swarm", kind = "coordination";
    static constexpr auto id = &SwarmCoordination::swarmId;
};

/// All events of a channel.
template <typename... Event>
struct Payloads
{
};
using AgentPayloads = Payloads<AgentStatusChange, AgentHealthUpdate, AgentMetricsUpdate, AgentLogEntry>;
using TaskPayloads = Payloads<TaskProgress, TaskCompletion, TaskCreation, TaskAssignment, TaskError>;
using SwarmPayloads = Payloads<SwarmTopologyChange, SwarmAgentJoined, SwarmAgentLeft, SwarmConsensus,
                               SwarmDecision, SwarmState, SwarmCoordination>;

template <typename Event>
[[nodiscard]] const std::string& entityOf(const Event& event) noexcept
{
    return event.*PayloadKind<Event>::id;
}

template <typename Event>
[[nodiscard]] std::string channelTopic()
{
    return std::string(PayloadKind<Event>::channel).append(".").append(PayloadKind<Event>::kind);
}

template <typename Event>
[[nodiscard]] std::string entityTopic(std::string_view id)
{
    return std::string(PayloadKind<Event>::channel)
        .append(".")
        .append(id)
        .append(".")
        .append(PayloadKind<Event>::kind);
}

}  // namespace strandcast
