#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/swarm_events.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace strandcast
{

/// The ballots that a server has open, of proposals or of decisions, and the names of those that it closed.
/// Used on the router's home shard alone.
template <typename Subject>
class BallotBox
{
public:
    using Event = typename Subject::Event;

    /// One that is open.
    struct Open
    {
        Open(Subject what, ShardExecutor executor) : subject(std::move(what)), changed(executor) {}

        Subject subject;
        Signal changed;            // a vote was counted, or the box has closed
        bool hasMoved = false;     // since the last tally
        bool isCalledOff = false;  // the server has gone
    };

    [[nodiscard]] bool knows(const std::string& swarmId, const std::string& id) const
    {
        const Name name{swarmId, id};
        return open_.contains(name) || closed_.contains(name);
    }

    [[nodiscard]] std::shared_ptr<Open> find(const std::string& swarmId, const std::string& id) const
    {
        const auto found = open_.find({swarmId, id});
        return found == open_.end() ? nullptr : found->second;
    }

    [[nodiscard]] std::size_t size() const noexcept { return open_.size(); }

    /// One whose name knows() does not know.
    std::shared_ptr<Open> open(Subject subject, ShardExecutor executor)
    {
        const Name name{subject.swarmId(), subject.id()};
        auto open = std::make_shared<Open>(std::move(subject), executor);
        open_.emplace(name, open);
        return open;
    }

    /// Its name is kept, so that nobody decides it again; the oldest of many is forgotten.
    void close(const Open& open)
    {
        const Name name{open.subject.swarmId(), open.subject.id()};
        open_.erase(name);
        if (!closed_.insert(name).second) return;
        inOrder_.push_back(name);
        if (inOrder_.size() <= rememberedNames) return;
        closed_.erase(inOrder_.front());
        inOrder_.pop_front();
    }

    /// All end, and none is decided.
    void callOff()
    {
        for (const auto& [name, open] : open_)
        {
            open->isCalledOff = true;
            open->changed.notify();
        }
    }

    /// Why what a client reports breaks a ballot's rules, if it does.
    [[nodiscard]] std::optional<std::string> refusalOf(const Event& report, Timestamp now) const
    {
        const auto& id = Subject::idOf(report);
        if (closed_.contains({report.swarmId, id}))
            return fmt::format("The ballot on {} '{}' is closed", Subject::name, id);
        const auto open = find(report.swarmId, id);
        if (!open) return std::nullopt;
        if (now >= open->subject.ballot().deadline)
            return fmt::format("The ballot on {} '{}' is closed", Subject::name, id);
        return open->subject.refusalOf(report);
    }

    /// A report that broke no rule is in the log.
    void count(const Event& report)
    {
        const auto open = find(report.swarmId, Subject::idOf(report));
        if (!open || open->subject.refusalOf(report)) return;
        open->subject.count(report);
        open->hasMoved = true;
        open->changed.notify();
    }

private:
    using Name = std::pair<std::string, std::string>;  // of the swarm, and in it

    static constexpr std::size_t rememberedNames = 10'000;

    std::map<Name, std::shared_ptr<Open>> open_;
    std::set<Name> closed_;
    std::deque<Name> inOrder_;  // the closed ones, oldest first
};

/// How long to wait for a moment of the calendar, as a steady clock will meet it; one that is far off is
/// looked at again.
[[nodiscard]] inline Clock::time_point steadyDeadline(const Clock& clock, Timestamp deadline)
{
    const auto left = deadline - std::chrono::floor<std::chrono::milliseconds>(clock.systemNow());
    return clock.now() +
           std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(0), std::chrono::hours(1));
}

}  // namespace strandcast
