#pragma once

#include <strandcast/swarm_events.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// How many vote, if that is known before the deadline.
[[nodiscard]] std::optional<std::size_t> votersOf(const Ballot& ballot) noexcept;

/// Whether the ballot lets the agent vote.
[[nodiscard]] bool isVoter(const Ballot& ballot, std::string_view agentId) noexcept;

/// What is wrong with a ballot that is opened now, if anything: which field, what was expected, what was
/// found.
[[nodiscard]] std::optional<std::string> checkBallot(const Ballot& ballot, Timestamp now);

/// The same for what a decision can be.
[[nodiscard]] std::optional<std::string> checkOptions(const std::vector<std::string>& options);

/// Whether a proposal is accepted by its ballot's rule, of `voters` of whom those that are neither for it
/// nor abstain are against it (protocol.md, "Channel topics").
[[nodiscard]] bool accepts(const Ballot& ballot, std::size_t voters, std::size_t yes,
                           std::size_t abstentions);

}  // namespace strandcast
