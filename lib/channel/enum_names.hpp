#pragma once

#include <strandcast/agent_events.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/task_events.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace strandcast
{

/// The names of an enum's values on the wire, in their order.
template <typename Enum>
inline constexpr std::array<std::string_view, 0> enumNames{};

template <>
inline constexpr auto enumNames<AgentStatus> =
    std::to_array<std::string_view>({"idle", "busy", "error", "offline"});
template <>
inline constexpr auto enumNames<LogLevel> =
    std::to_array<std::string_view>({"debug", "info", "warn", "error"});
template <>
inline constexpr auto enumNames<TaskStatus> =
    std::to_array<std::string_view>({"pending", "in-progress", "completed", "failed", "cancelled"});
template <>
inline constexpr auto enumNames<TaskOutcome> =
    std::to_array<std::string_view>({"completed", "failed", "cancelled"});
template <>
inline constexpr auto enumNames<SwarmTopology> =
    std::to_array<std::string_view>({"hierarchical", "mesh", "hierarchical-mesh", "adaptive"});
template <>
inline constexpr auto enumNames<Vote> = std::to_array<std::string_view>({"yes", "no", "abstain"});
template <>
inline constexpr auto enumNames<ConsensusStep> =
    std::to_array<std::string_view>({"proposed", "voting", "accepted", "rejected"});
template <>
inline constexpr auto enumNames<BallotRule> =
    std::to_array<std::string_view>({"majority", "supermajority", "unanimous"});
template <>
inline constexpr auto enumNames<CoordinationType> = std::to_array<std::string_view>(
    {"task-assignment", "resource-allocation", "priority-change", "workload-balance"});

template <typename Enum>
[[nodiscard]] constexpr std::string_view nameOf(Enum value) noexcept
{
    const auto place = static_cast<std::size_t>(value);
    return place < enumNames<Enum>.size() ? enumNames<Enum>[place] : std::string_view("?");
}

}  // namespace strandcast
