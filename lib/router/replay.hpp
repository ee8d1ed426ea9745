#pragma once

#include <strandcast/broker.hpp>
#include <strandcast/topics.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace strandcast
{

/// What may wait to be replayed to one client.
struct ReplayLimits
{
    std::size_t maxBacklog = 0;        ///< events that were logged before
    std::size_t maxCaptured = 0;       ///< events that are logged while it runs
    std::size_t maxCapturedBytes = 0;  ///< the same in bytes; one event always fits
};

/// What one `subscribe` with `last` asked for, until all of it is queued: first the backlog, then whatever
/// was logged meanwhile, each event once and in the log's order. So at the seam to what is live nothing is
/// missing and nothing comes twice.
class Replay
{
public:
    /// `held` are those of its topics that were not subscribed to before: they are live when it ends.
    Replay(std::string request, const std::vector<std::string>& topics, std::unordered_set<std::string> held,
           const ReplayLimits& limits, const TopicLimits& topicLimits);

    /// The id of the request, which its events carry.
    [[nodiscard]] const std::string& request() const noexcept { return request_; }
    [[nodiscard]] bool matches(std::string_view topic) const;
    [[nodiscard]] bool holds(const std::string& topic) const { return held_.contains(topic); }

    /// The backlog is here; it holds what was logged up to `newestOffset`.
    /// @returns what cannot wait.
    [[nodiscard]] std::vector<EntryRef> begin(std::vector<EntryRef> backlog, std::uint64_t newestOffset);
    [[nodiscard]] bool hasBegun() const noexcept { return begun_; }

    /// An event that matches was logged.
    /// @returns what cannot wait any longer.
    [[nodiscard]] std::vector<EntryRef> capture(EntryRef entry);

    /// Leaves topics out from now on.
    /// @returns whether there are none left.
    [[nodiscard]] bool forget(const std::unordered_set<std::string_view>& topics);

    /// What comes next; null at the end.
    [[nodiscard]] const LogEntry* next() const noexcept
    {
        return pending_.empty() ? nullptr : pending_.front().entry.get();
    }
    void pop() noexcept;

private:
    struct Pending
    {
        EntryRef entry;
        std::size_t captured;  // its bytes, where it was captured
    };

    [[nodiscard]] std::vector<EntryRef> dropExcess();
    [[nodiscard]] bool isWithinLimits() const noexcept;

    const std::string request_;
    std::vector<TopicPattern> patterns_;
    std::unordered_set<std::string> held_;
    const ReplayLimits limits_;
    std::deque<Pending> pending_;
    std::size_t captured_ = 0;
    std::size_t capturedBytes_ = 0;
    bool begun_ = false;
};

}  // namespace strandcast
