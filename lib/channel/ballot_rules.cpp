#include "channel/ballot_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace strandcast
{

namespace
{

// A fraction such as 0.55, times 100, is a little more than 55.
constexpr double rounding = 1e-9;

std::optional<std::string> firstDouble(const std::vector<std::string>& names)
{
    std::set<std::string_view> seen;
    for (const auto& name : names)
        if (!seen.insert(name).second) return name;
    return std::nullopt;
}

std::optional<std::string> checkVoters(const Ballot& ballot)
{
    if (ballot.size == 0U) return "ballot.size: expected at least 1, found 0";
    if (!ballot.electorate) return std::nullopt;
    const auto& electorate = *ballot.electorate;
    if (electorate.empty()) return "ballot.electorate: expected at least one agent, found none";
    if (const auto twice = firstDouble(electorate))
        return fmt::format("ballot.electorate: expected each agent once, found '{}' twice", *twice);
    if (ballot.size && *ballot.size != electorate.size())
        return fmt::format("ballot.size: expected {}, as many as the electorate has, found {}",
                           electorate.size(), *ballot.size);
    return std::nullopt;
}

std::optional<std::string> checkRule(const Ballot& ballot)
{
    if (ballot.fraction && !(*ballot.fraction >= 0 && *ballot.fraction <= 1))
        return fmt::format("ballot.fraction: expected 0 to 1, found {}", *ballot.fraction);
    if (ballot.rule == BallotRule::supermajority && !ballot.fraction)
        return "ballot.fraction: expected 0 to 1, as the rule is a supermajority, found none";
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> votersOf(const Ballot& ballot) noexcept
{
    if (ballot.electorate) return ballot.electorate->size();
    return ballot.size;
}

bool isVoter(const Ballot& ballot, std::string_view agentId) noexcept
{
    if (!ballot.electorate) return true;
    return std::find(ballot.electorate->begin(), ballot.electorate->end(), agentId) !=
           ballot.electorate->end();
}

std::optional<std::string> checkBallot(const Ballot& ballot, Timestamp now)
{
    if (auto wrong = checkVoters(ballot)) return wrong;
    if (auto wrong = checkRule(ballot)) return wrong;
    if (ballot.deadline <= now)
        return fmt::format("ballot.deadline: expected a time after {}, found {}",
                           now.time_since_epoch().count(), ballot.deadline.time_since_epoch().count());
    return std::nullopt;
}

std::optional<std::string> checkOptions(const std::vector<std::string>& options)
{
    if (options.empty()) return "options: expected at least one, found none";
    if (const auto twice = firstDouble(options))
        return fmt::format("options: expected each once, found '{}' twice", *twice);
    return std::nullopt;
}

bool accepts(const Ballot& ballot, std::size_t voters, std::size_t yes, std::size_t abstentions)
{
    if (yes == 0) return false;
    const auto counted = voters - abstentions;
    switch (ballot.rule.value_or(BallotRule::majority))
    {
    case BallotRule::majority: return 2 * yes > counted;
    case BallotRule::supermajority:
        return static_cast<double>(yes) >=
               ballot.fraction.value_or(1) * static_cast<double>(counted) * (1 - rounding);
    case BallotRule::unanimous: return yes == counted;
    }
    return false;
}

}  // namespace strandcast
