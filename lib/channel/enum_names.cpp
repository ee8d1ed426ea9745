#include "channel/enum_names.hpp"

namespace strandcast
{

std::string_view toString(AgentStatus status) noexcept
{
    return nameOf(status);
}

std::string_view toString(LogLevel level) noexcept
{
    return nameOf(level);
}

std::string_view toString(TaskStatus status) noexcept
{
    return nameOf(status);
}

std::string_view toString(TaskOutcome outcome) noexcept
{
    return nameOf(outcome);
}

std::string_view toString(SwarmTopology topology) noexcept
{
    return nameOf(topology);
}

std::string_view toString(Vote vote) noexcept
{
    return nameOf(vote);
}

std::string_view toString(ConsensusStep step) noexcept
{
    return nameOf(step);
}

std::string_view toString(BallotRule rule) noexcept
{
    return nameOf(rule);
}

std::string_view toString(CoordinationType type) noexcept
{
    return nameOf(type);
}

}  // namespace strandcast
