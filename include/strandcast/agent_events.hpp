#pragma once

#include <strandcast/message.hpp>

#include <boost/describe/class.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

// What happens to agents (protocol.md, "Channel topics"). A field that is optional here is optional on the
// wire. A timestamp that is left empty is filled in with the moment of the publish.

enum class AgentStatus : std::uint8_t
{
    idle,
    busy,
    error,
    offline,
};

enum class LogLevel : std::uint8_t
{
    debug,
    info,
    warn,
    error,
};

/// The names on the wire.
[[nodiscard]] std::string_view toString(AgentStatus status) noexcept;
[[nodiscard]] std::string_view toString(LogLevel level) noexcept;

/// On `agent.<agentId>.status` and `agent.status`.
struct AgentStatusChange
{
    std::string agentId;
    AgentStatus status = AgentStatus::idle;
    std::optional<Json> metadata = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(AgentStatusChange, (), (agentId, status, metadata, timestamp))

/// In units of the agent's own choice; `uptime` in the seed's documents is in ms.
struct AgentHealth
{
    std::optional<double> cpu = {};
    std::optional<double> memory = {};
    std::optional<double> uptime = {};
    std::optional<double> tasksCompleted = {};
    std::optional<double> errorCount = {};
};
BOOST_DESCRIBE_STRUCT(AgentHealth, (), (cpu, memory, uptime, tasksCompleted, errorCount))

/// On `agent.<agentId>.health` and `agent.health`.
struct AgentHealthUpdate
{
    std::string agentId;
    bool healthy = true;
    AgentHealth metrics = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(AgentHealthUpdate, (), (agentId, healthy, metrics, timestamp))

/// `responseTime` in ms, `throughput` and `errorRate` per second or as a share: the agent's own choice.
struct AgentMetrics
{
    std::optional<double> responseTime = {};
    std::optional<double> throughput = {};
    std::optional<double> errorRate = {};
    std::optional<double> queueSize = {};
    std::optional<double> activeConnections = {};
};
BOOST_DESCRIBE_STRUCT(AgentMetrics, (), (responseTime, throughput, errorRate, queueSize, activeConnections))

/// On `agent.<agentId>.metrics` and `agent.metrics`.
struct AgentMetricsUpdate
{
    std::string agentId;
    AgentMetrics metrics = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(AgentMetricsUpdate, (), (agentId, metrics, timestamp))

/// On `agent.<agentId>.logs` and `agent.logs`.
struct AgentLogEntry
{
    std::string agentId;
    LogLevel level = LogLevel::info;
    std::string message;
    std::optional<Json> context = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(AgentLogEntry, (), (agentId, level, message, context, timestamp))

}  // namespace strandcast
