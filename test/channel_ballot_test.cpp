#include "channel/ballot_rules.hpp"
#include "channel/decision.hpp"
#include "channel/proposal.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace strandcast;

namespace
{

constexpr Timestamp later(std::chrono::milliseconds(2'000));
constexpr Timestamp now(std::chrono::milliseconds(1'000));

std::string voter(std::size_t number)
{
    return "v" + std::to_string(number);
}

std::vector<std::string> voters(std::size_t count)
{
    std::vector<std::string> names;
    for (std::size_t number = 0; number < count; ++number) names.push_back(voter(number));
    return names;
}

void vote(Proposal& proposal, const std::string& agent, Vote choice)
{
    const SwarmConsensus report{
        .swarmId = "s", .proposalId = "p", .type = ConsensusStep::voting, .votes = {{{agent, choice}}}};
    REQUIRE_FALSE(proposal.refusalOf(report).has_value());
    proposal.count(report);
}

void choose(Decision& decision, const std::string& agent, const std::string& option,
            std::optional<double> confidence = {})
{
    const SwarmDecision report{.swarmId = "s", .decisionId = "d", .votes = {{agent, option, confidence}}};
    REQUIRE_FALSE(decision.refusalOf(report).has_value());
    decision.count(report);
}

// The rules once more, by the words of protocol.md.
bool acceptedByTheBook(const Ballot& ballot, const std::vector<Vote>& votes)
{
    const auto n = static_cast<double>(votes.size());
    double yes = 0;
    double abstained = 0;
    for (const auto one : votes)
    {
        yes += one == Vote::yes ? 1 : 0;
        abstained += one == Vote::abstain ? 1 : 0;
    }
    if (yes < 1) return false;
    switch (*ballot.rule)
    {
    case BallotRule::majority: return yes > (n - abstained) / 2;
    case BallotRule::supermajority: return yes + 1e-6 >= *ballot.fraction * (n - abstained);
    case BallotRule::unanimous: return yes == n - abstained;
    }
    return false;
}

// All ways in which `count` agents can vote.
void forAllVotes(std::size_t count, const std::function<void(const std::vector<Vote>&)>& look)
{
    std::vector<Vote> votes(count, Vote::yes);
    std::function<void(std::size_t)> fill = [&](std::size_t at)
    {
        if (at == count) return look(votes);
        for (const auto choice : {Vote::yes, Vote::no, Vote::abstain})
        {
            votes[at] = choice;
            fill(at + 1);
        }
    };
    fill(0);
}

std::vector<Ballot> allRules()
{
    std::vector<Ballot> ballots{{.rule = BallotRule::majority, .deadline = later},
                                {.rule = BallotRule::unanimous, .deadline = later}};
    for (const double fraction : {0.0, 0.25, 0.5, 0.6, 2.0 / 3, 0.75, 1.0})
        ballots.push_back({.rule = BallotRule::supermajority, .fraction = fraction, .deadline = later});
    return ballots;
}

}  // namespace

TEST_CASE("a proposal is certain just when no way of casting the missing votes changes its outcome")
{
    std::size_t looked = 0;
    for (std::size_t size = 1; size <= 5; ++size)
        for (auto ballot : allRules())
        {
            ballot.electorate = voters(size);
            for (std::size_t cast = 0; cast <= size; ++cast)
                forAllVotes(cast,
                            [&](const std::vector<Vote>& votes)
                            {
                                ++looked;
                                Proposal proposal("s", "p", Json(1), ballot);
                                for (std::size_t at = 0; at < cast; ++at)
                                    vote(proposal, voter(at), votes[at]);
                                std::set<bool> outcomes;
                                forAllVotes(size - cast,
                                            [&](const std::vector<Vote>& missing)
                                            {
                                                auto all = votes;
                                                all.insert(all.end(), missing.begin(), missing.end());
                                                outcomes.insert(acceptedByTheBook(ballot, all));
                                            });
                                CHECK(proposal.isCertain() == (outcomes.size() == 1));
                                // A missing vote is a no.
                                auto all = votes;
                                all.resize(size, Vote::no);
                                CHECK(proposal.result().accepted == acceptedByTheBook(ballot, all));
                                if (proposal.isCertain())
                                    CHECK(proposal.result().accepted == *outcomes.begin());
                            });
        }
    CHECK(looked > 3'000);
}

TEST_CASE("the counts are of the votes that were cast, each agent's last one")
{
    Proposal proposal("s", "p", Json(1), {.electorate = voters(5), .deadline = later});
    vote(proposal, "v0", Vote::yes);
    vote(proposal, "v1", Vote::no);
    vote(proposal, "v2", Vote::abstain);
    vote(proposal, "v0", Vote::no);
    vote(proposal, "v3", Vote::yes);
    CHECK(proposal.result() == ConsensusResult{false, 1, 2, 1});
    vote(proposal, "v0", Vote::yes);
    CHECK(proposal.result() == ConsensusResult{false, 2, 1, 1});
}

TEST_CASE("without an electorate and a size nothing is certain, and whoever has voted is all who vote")
{
    Proposal proposal("s", "p", Json(1), {.deadline = later});
    CHECK_FALSE(proposal.isCertain());
    CHECK_FALSE(proposal.result().accepted);
    vote(proposal, "a", Vote::yes);
    CHECK_FALSE(proposal.isCertain());
    CHECK(proposal.result().accepted);
    vote(proposal, "b", Vote::no);
    CHECK_FALSE(proposal.result().accepted);
}

TEST_CASE("a fraction that no double holds exactly is met by the votes that it means")
{
    for (std::size_t of = 1; of <= 200; ++of)
        for (std::size_t yes = 1; yes <= of; ++yes)
        {
            const double fraction = static_cast<double>(yes) / static_cast<double>(of);
            const Ballot ballot{.rule = BallotRule::supermajority, .fraction = fraction, .deadline = later};
            CHECK(accepts(ballot, of, yes, 0));
            CHECK_FALSE(accepts(ballot, of, yes - 1, 0));
        }
    const Ballot ballot{.rule = BallotRule::supermajority, .fraction = 0.55, .deadline = later};
    CHECK(accepts(ballot, 100, 55, 0));
    CHECK_FALSE(accepts(ballot, 100, 54, 0));
}

TEST_CASE("what is no vote on a proposal is refused, with the reason")
{
    const Proposal proposal("s", "p", Json(1), {.electorate = {{"a"}}, .deadline = later});
    const auto refusal = [&](const SwarmConsensus& report)
    { return proposal.refusalOf(report).value_or(""); };
    SwarmConsensus report{.swarmId = "s", .proposalId = "p", .type = ConsensusStep::voting};
    const std::string ours =
        "Proposal 'p' is the server's: expected one vote, of type 'voting' and without a result";
    CHECK(refusal(report) == ours);
    report.votes = {{{"b", Vote::yes}}};
    CHECK(refusal(report) == "Agent 'b' is not in the electorate of proposal 'p'");
    report.votes = {{{"a", Vote::yes}}};
    CHECK(refusal(report).empty());
    report.result = ConsensusResult{};
    CHECK(refusal(report) == ours);
    report.result.reset();
    for (const auto type : {ConsensusStep::proposed, ConsensusStep::accepted, ConsensusStep::rejected})
    {
        report.type = type;
        CHECK(refusal(report) == ours);
    }
}

TEST_CASE("a ballot that cannot be is told by the field that is wrong")
{
    const auto wrong = [](const Ballot& ballot) { return checkBallot(ballot, now).value_or(""); };
    CHECK(wrong({.deadline = later}).empty());
    CHECK(wrong({.deadline = now}) == "ballot.deadline: expected a time after 1000, found 1000");
    CHECK(wrong({.size = 0, .deadline = later}) == "ballot.size: expected at least 1, found 0");
    CHECK(wrong({.electorate = std::vector<std::string>(), .deadline = later}) ==
          "ballot.electorate: expected at least one agent, found none");
    CHECK(wrong({.electorate = {{"a", "b", "a"}}, .deadline = later}) ==
          "ballot.electorate: expected each agent once, found 'a' twice");
    CHECK(wrong({.electorate = {{"a", "b"}}, .size = 3, .deadline = later}) ==
          "ballot.size: expected 2, as many as the electorate has, found 3");
    CHECK(wrong({.electorate = {{"a", "b"}}, .size = 2, .deadline = later}).empty());
    CHECK(wrong({.fraction = 1.5, .deadline = later}) == "ballot.fraction: expected 0 to 1, found 1.5");
    CHECK(wrong({.rule = BallotRule::supermajority, .deadline = later}) ==
          "ballot.fraction: expected 0 to 1, as the rule is a supermajority, found none");
    CHECK(checkOptions({}).value_or("") == "options: expected at least one, found none");
    CHECK(checkOptions({"x", "y", "x"}).value_or("") == "options: expected each once, found 'x' twice");
    CHECK_FALSE(checkOptions({"x"}).has_value());
}

TEST_CASE("a decision's winner has the largest sum, then the most votes, then the first place")
{
    const auto winner = [](const std::vector<AgentChoice>& votes)
    {
        Decision decision("s", "d", "q", {"x", "y", "z"}, {.size = votes.size() + 1, .deadline = later});
        for (const auto& one : votes) choose(decision, one.agentId, one.option, one.confidence);
        return decision.result();
    };
    CHECK(winner({}) == DecisionResult{"x", 0});
    CHECK(winner({{"a", "y", 0.0}}) == DecisionResult{"y", 0});
    CHECK(winner({{"a", "z", {}}, {"b", "y", 0.5}}) == DecisionResult{"z", 1 / 1.5});
    CHECK(winner({{"a", "x", 1.0}, {"b", "y", 0.5}, {"c", "y", 0.5}}) == DecisionResult{"y", 0.5});
    CHECK(winner({{"a", "z", 1.0}, {"b", "y", 1.0}}) == DecisionResult{"y", 0.5});
    CHECK(winner({{"a", "z", 1.0}, {"a", "y", 0.25}}) == DecisionResult{"y", 1});
}

TEST_CASE("a decision is certain just when no way of casting the missing votes changes its winner")
{
    const std::vector<std::string> options{"x", "y", "z"};
    const std::vector<double> confidences{0, 0.5, 1};
    constexpr std::size_t size = 3;
    using Votes = std::vector<std::pair<std::size_t, double>>;
    std::size_t looked = 0;
    const auto decisionOf = [&](const Votes& votes)
    {
        Decision decision("s", "d", "q", options, {.electorate = voters(size), .deadline = later});
        for (std::size_t at = 0; at < votes.size(); ++at)
            choose(decision, voter(at), options[votes[at].first], votes[at].second);
        return decision;
    };
    // Of `votes`, and all that the missing ones can be.
    std::function<void(Votes&, std::set<std::string>&)> complete = [&](Votes& votes, auto& winners)
    {
        winners.insert(decisionOf(votes).result().selectedOption);
        if (votes.size() == size) return;
        for (std::size_t option = 0; option < options.size(); ++option)
            for (const double confidence : confidences)
            {
                votes.emplace_back(option, confidence);
                complete(votes, winners);
                votes.pop_back();
            }
    };
    std::function<void(Votes&)> look = [&](Votes& votes)
    {
        ++looked;
        std::set<std::string> winners;
        complete(votes, winners);
        CHECK(decisionOf(votes).isCertain() == (winners.size() == 1));
        if (votes.size() == size) return;
        for (std::size_t option = 0; option < options.size(); ++option)
            for (const double confidence : confidences)
            {
                votes.emplace_back(option, confidence);
                look(votes);
                votes.pop_back();
            }
    };
    Votes none;
    look(none);
    CHECK(looked > 800);
}

TEST_CASE("what is no vote on a decision is refused, with the reason")
{
    const Decision decision("s", "d", "q", {"x"}, {.electorate = {{"a"}}, .deadline = later});
    const auto refusal = [&](const SwarmDecision& report) { return decision.refusalOf(report).value_or(""); };
    const std::string ours = "Decision 'd' is the server's: expected one vote, and nothing else";
    CHECK(refusal({.swarmId = "s", .decisionId = "d"}) == ours);
    CHECK(refusal({.swarmId = "s", .decisionId = "d", .votes = {{"a", "x", {}}}}).empty());
    CHECK(
        refusal({.swarmId = "s", .decisionId = "d", .votes = {{"a", "x", {}}}, .result = DecisionResult{}}) ==
        ours);
    CHECK(refusal({.swarmId = "s", .decisionId = "d", .votes = {{"b", "x", {}}}}) ==
          "Agent 'b' is not in the electorate of decision 'd'");
    CHECK(refusal({.swarmId = "s", .decisionId = "d", .votes = {{"a", "y", {}}}}) ==
          "Decision 'd' has no option 'y'");
    CHECK(refusal({.swarmId = "s", .decisionId = "d", .votes = {{"a", "x", 1.5}}}) ==
          "votes[0].confidence: expected 0 to 1, found 1.5");
}
