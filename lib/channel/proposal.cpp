#include "channel/proposal.hpp"

#include "channel/ballot_rules.hpp"

#include <fmt/format.h>

#include <utility>

namespace strandcast
{

Proposal::Proposal(std::string swarmId, std::string id, Json proposal, Ballot ballot)
    : swarmId_(std::move(swarmId)),
      id_(std::move(id)),
      proposal_(std::move(proposal)),
      ballot_(std::move(ballot))
{
}

Proposal::Proposal(const Event& opening)
    : Proposal(opening.swarmId, opening.proposalId, opening.proposal.value_or(Json(nullptr)),
               opening.ballot.value())
{
}

std::optional<std::string> Proposal::checkOpening(const Event& opening, Timestamp now)
{
    if (opening.proposalId.empty()) return "proposalId: an id must not be empty";
    return checkBallot(opening.ballot.value(), now);
}

std::optional<std::string> Proposal::refusalOf(const Event& report) const
{
    if (report.type != ConsensusStep::voting || report.result || !report.votes || report.votes->size() != 1)
        return fmt::format(
            "Proposal '{}' is the server's: expected one vote, of type 'voting' and without a result", id_);
    const auto& voter = report.votes->front().agentId;
    if (!isVoter(ballot_, voter))
        return fmt::format("Agent '{}' is not in the electorate of proposal '{}'", voter, id_);
    return std::nullopt;
}

void Proposal::count(const Event& report)
{
    const auto& [agentId, vote] = report.votes->front();
    votes_.insert_or_assign(agentId, vote);
}

bool Proposal::isCertain() const
{
    const auto voters = votersOf(ballot_);
    if (!voters) return false;
    const auto [yes, no, abstentions] = counts();
    const auto missing = *voters - votes_.size();
    // What is missing helps most with a yes, and least with a no.
    return accepts(ballot_, *voters, yes, abstentions) ||
           !accepts(ballot_, *voters, yes + missing, abstentions);
}

Proposal::Result Proposal::result() const
{
    const auto [yes, no, abstentions] = counts();
    const auto voters = votersOf(ballot_).value_or(votes_.size());
    return {!withdrawn_ && accepts(ballot_, voters, yes, abstentions), yes, no, abstentions};
}

Proposal::Event Proposal::opening() const
{
    auto event = step(ConsensusStep::proposed);
    event.proposal = proposal_;
    event.ballot = ballot_;
    return event;
}

Proposal::Event Proposal::tally() const
{
    auto event = step(ConsensusStep::voting);
    event.votes.emplace();
    for (const auto& [agentId, vote] : votes_) event.votes->push_back({agentId, vote});
    event.result = result();
    return event;
}

Proposal::Event Proposal::ending() const
{
    auto event = tally();
    event.type = event.result->accepted ? ConsensusStep::accepted : ConsensusStep::rejected;
    return event;
}

Proposal::Event Proposal::step(ConsensusStep type) const
{
    return {.swarmId = swarmId_, .proposalId = id_, .type = type};
}

Proposal::Counts Proposal::counts() const
{
    Counts counts;
    for (const auto& [agentId, vote] : votes_)
        ++(vote == Vote::yes ? counts.yes : vote == Vote::no ? counts.no : counts.abstentions);
    return counts;
}

}  // namespace strandcast
