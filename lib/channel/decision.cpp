#include "channel/decision.hpp"

#include "channel/ballot_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace strandcast
{

Decision::Decision(std::string swarmId, std::string id, std::string question,
                   std::vector<std::string> options, Ballot ballot)
    : swarmId_(std::move(swarmId)),
      id_(std::move(id)),
      question_(std::move(question)),
      options_(std::move(options)),
      ballot_(std::move(ballot))
{
}

Decision::Decision(const Event& opening)
    : swarmId_(opening.swarmId),
      id_(opening.decisionId),
      question_(opening.question),
      options_(opening.options.value()),
      ballot_(opening.ballot.value())
{
}

std::optional<std::string> Decision::checkOpening(const Event& opening, Timestamp now)
{
    if (opening.decisionId.empty()) return "decisionId: an id must not be empty";
    if (auto wrong = checkOptions(opening.options.value())) return wrong;
    return checkBallot(opening.ballot.value(), now);
}

std::optional<std::string> Decision::refusalOf(const Event& report) const
{
    if (report.question || report.options || report.ballot || report.result || report.votes.size() != 1)
        return fmt::format("Decision '{}' is the server's: expected one vote, and nothing else", id_);
    const auto& [agentId, option, confidence] = report.votes.front();
    if (!isVoter(ballot_, agentId))
        return fmt::format("Agent '{}' is not in the electorate of decision '{}'", agentId, id_);
    if (!find(option)) return fmt::format("Decision '{}' has no option '{}'", id_, option);
    if (confidence && !(*confidence >= 0 && *confidence <= 1))
        return fmt::format("votes[0].confidence: expected 0 to 1, found {}", *confidence);
    return std::nullopt;
}

void Decision::count(const Event& report)
{
    const auto& [agentId, option, confidence] = report.votes.front();
    votes_.insert_or_assign(agentId, Choice{find(option).value(), confidence});
}

bool Decision::isCertain() const
{
    const auto voters = votersOf(ballot_);
    if (!voters) return false;
    const auto missing = *voters - votes_.size();
    const auto now = scores();
    const auto winner = winnerOf(now);
    for (std::size_t other = 0; other < now.size(); ++other)
    {
        // The most that can come for another one.
        auto then = now;
        then[other].sum += static_cast<double>(missing);
        then[other].votes += missing;
        if (winnerOf(then) != winner) return false;
    }
    return true;
}

Decision::Result Decision::result() const
{
    const auto all = scores();
    const auto winner = winnerOf(all);
    double sum = 0;
    for (const auto& score : all) sum += score.sum;
    return {options_[winner], sum > 0 ? all[winner].sum / sum : 0};
}

Decision::Event Decision::opening() const
{
    return {.swarmId = swarmId_,
            .decisionId = id_,
            .question = question_,
            .options = options_,
            .ballot = ballot_};
}

Decision::Event Decision::tally() const
{
    Event event{.swarmId = swarmId_, .decisionId = id_, .question = question_, .options = options_};
    for (const auto& [agentId, choice] : votes_)
        event.votes.push_back({agentId, options_[choice.option], choice.confidence});
    return event;
}

Decision::Event Decision::ending() const
{
    auto event = tally();
    if (!withdrawn_) event.result = result();
    return event;
}

std::optional<std::size_t> Decision::find(std::string_view option) const
{
    const auto found = std::find(options_.begin(), options_.end(), option);
    if (found == options_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - options_.begin());
}

std::vector<Decision::Score> Decision::scores() const
{
    std::vector<Score> scores(options_.size());
    for (const auto& [agentId, choice] : votes_)
    {
        scores[choice.option].sum += choice.confidence.value_or(1);
        ++scores[choice.option].votes;
    }
    return scores;
}

// The first of the best ones: max_element gives the first of equals.
std::size_t Decision::winnerOf(const std::vector<Score>& scores)
{
    const auto isLess = [](const Score& one, const Score& other)
    { return one.sum < other.sum || (one.sum == other.sum && one.votes < other.votes); };
    return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end(), isLess) - scores.begin());
}

}  // namespace strandcast
