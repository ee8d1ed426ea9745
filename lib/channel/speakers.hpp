#pragma once

#include <strandcast/agent_events.hpp>
#include <strandcast/swarm_events.hpp>
#include <strandcast/ws_server.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

// The agents as which a report speaks. One that is told of, as in a task's assignment, does not speak.

template <typename Event>
[[nodiscard]] std::vector<std::string_view> speakersOf(const Event& event)
{
    static_cast<void>(event);
    return {};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const AgentStatusChange& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const AgentHealthUpdate& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const AgentMetricsUpdate& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const AgentLogEntry& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const SwarmAgentJoined& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const SwarmAgentLeft& event)
{
    return {event.agentId};
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const SwarmConsensus& event)
{
    if (!event.votes) return {};
    std::vector<std::string_view> voters;
    for (const auto& vote : *event.votes) voters.emplace_back(vote.agentId);
    return voters;
}

[[nodiscard]] inline std::vector<std::string_view> speakersOf(const SwarmDecision& event)
{
    std::vector<std::string_view> voters;
    for (const auto& vote : event.votes) voters.emplace_back(vote.agentId);
    return voters;
}

/// The first of these that the client may not speak for, as its authenticate hook said; without a word of the
/// hook's it may speak for any.
[[nodiscard]] inline std::optional<std::string_view>
firstNotSpokenFor(const std::vector<std::string_view>& speakers, const Authentication* login)
{
    if (!login || !login->agents) return std::nullopt;
    const auto& agents = *login->agents;
    for (const auto speaker : speakers)
        if (std::find(agents.begin(), agents.end(), speaker) == agents.end()) return speaker;
    return std::nullopt;
}

}  // namespace strandcast
