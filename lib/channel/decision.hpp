#pragma once

#include <strandcast/swarm_events.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// A decision between options that the server counts the votes on.
class Decision
{
public:
    using Event = SwarmDecision;
    using Result = DecisionResult;

    static constexpr std::string_view name = "decision";

    /// @param options and `ballot` are such that it can be opened.
    Decision(std::string swarmId, std::string id, std::string question, std::vector<std::string> options,
             Ballot ballot);
    /// As a client opens it: options and a ballot.
    explicit Decision(const Event& opening);

    [[nodiscard]] static const std::string& idOf(const Event& event) noexcept { return event.decisionId; }
    /// Whether a client asks for a ballot with this.
    [[nodiscard]] static bool isOpening(const Event& event) noexcept
    {
        return event.options && event.ballot && event.votes.empty() && !event.result;
    }
    /// What is wrong with such an opening, if anything.
    [[nodiscard]] static std::optional<std::string> checkOpening(const Event& opening, Timestamp now);

    [[nodiscard]] const std::string& swarmId() const noexcept { return swarmId_; }
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const Ballot& ballot() const noexcept { return ballot_; }

    /// Why what a client reports of it breaks its rules, if it does.
    [[nodiscard]] std::optional<std::string> refusalOf(const Event& report) const;
    /// Counts a vote that breaks none: an agent's last one stands.
    void count(const Event& report);

    /// Whether the votes that are missing, of a confidence of at most 1 each, cannot change the winner.
    [[nodiscard]] bool isCertain() const;

    /// As it stands. Where nobody has voted the first option wins, with a confidence of 0.
    [[nodiscard]] Result result() const;

    [[nodiscard]] Event opening() const;
    [[nodiscard]] Event tally() const;
    [[nodiscard]] Event ending() const;
    /// Nothing was decided.
    void withdraw() noexcept { withdrawn_ = true; }

private:
    struct Choice
    {
        std::size_t option;
        std::optional<double> confidence;
    };
    struct Score
    {
        double sum = 0;
        std::size_t votes = 0;
    };

    [[nodiscard]] std::optional<std::size_t> find(std::string_view option) const;
    [[nodiscard]] std::vector<Score> scores() const;
    [[nodiscard]] static std::size_t winnerOf(const std::vector<Score>& scores);

    std::string swarmId_;
    std::string id_;
    std::optional<std::string> question_;
    std::vector<std::string> options_;
    Ballot ballot_;
    std::map<std::string, Choice, std::less<>> votes_;
    bool withdrawn_ = false;
};

}  // namespace strandcast
