#pragma once

#include <strandcast/swarm_events.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace strandcast
{

/// A proposal that the server counts the votes on.
class Proposal
{
public:
    using Event = SwarmConsensus;
    using Result = ConsensusResult;

    static constexpr std::string_view name = "proposal";

    /// @param ballot is one that can be opened.
    Proposal(std::string swarmId, std::string id, Json proposal, Ballot ballot);
    /// As a client opens it: `proposed`, with a ballot.
    explicit Proposal(const Event& opening);

    [[nodiscard]] static const std::string& idOf(const Event& event) noexcept { return event.proposalId; }
    /// Whether a client asks for a ballot with this.
    [[nodiscard]] static bool isOpening(const Event& event) noexcept
    {
        return event.type == ConsensusStep::proposed && event.ballot.has_value();
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

    /// Whether the votes that are missing cannot change whether it is accepted.
    [[nodiscard]] bool isCertain() const;

    /// As it stands: a vote that is missing is a no, and not counted as one that was cast.
    [[nodiscard]] Result result() const;

    [[nodiscard]] Event opening() const;
    [[nodiscard]] Event tally() const;
    [[nodiscard]] Event ending() const;
    /// Whatever was voted, it is rejected.
    void withdraw() noexcept { withdrawn_ = true; }

private:
    struct Counts
    {
        std::size_t yes = 0;
        std::size_t no = 0;
        std::size_t abstentions = 0;
    };

    [[nodiscard]] Counts counts() const;
    [[nodiscard]] Event step(ConsensusStep type) const;

    std::string swarmId_;
    std::string id_;
    Json proposal_;
    Ballot ballot_;
    std::map<std::string, Vote, std::less<>> votes_;
    bool withdrawn_ = false;
};

}  // namespace strandcast
