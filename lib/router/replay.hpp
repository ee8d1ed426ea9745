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

/// Events that were logged while a replay runs, and wait for its end.
struct Captured
{
    std::size_t count = 0;
    std::size_t bytes = 0;

    Captured& operator+=(const Captured& other) noexcept
    {
        count += other.count;
        bytes += other.bytes;
        return *this;
    }
    Captured& operator-=(const Captured& other) noexcept
    {
        count -= other.count;
        bytes -= other.bytes;
        return *this;
    }
};

/// What one `subscribe` with `last` asked for, until all of it is queued: first the backlog, then whatever
/// was logged meanwhile, each event once and in the log's order. So at the seam to what is live nothing is
/// missing and nothing comes twice.
class Replay
{
public:
    /// `held` are those of its topics that were not subscribed to before: they are live when it ends.
    Replay(std::string request, const std::vector<std::string>& topics, std::unordered_set<std::string> held,
           const TopicLimits& topicLimits);

    /// The id of the request, which its events carry.
    [[nodiscard]] const std::string& request() const noexcept { return request_; }
    [[nodiscard]] bool matches(std::string_view topic) const;
    [[nodiscard]] bool holds(const std::string& topic) const { return held_.contains(topic); }
    /// Somebody wants it live, whatever of it is replayed.
    void letLive(const std::string& topic) { held_.erase(topic); }

    /// The backlog is here; it holds what was logged up to `newestOffset`.
    void begin(std::vector<EntryRef> backlog, std::uint64_t newestOffset);
    [[nodiscard]] bool hasBegun() const noexcept { return begun_; }

    /// An event that matches was logged.
    /// @returns what it takes.
    Captured capture(EntryRef entry);
    [[nodiscard]] const Captured& captured() const noexcept { return captured_; }
    /// What was captured first cannot wait any longer; there is some.
    [[nodiscard]] EntryRef dropOldestCaptured();

    /// Leaves topics out from now on.
    /// @returns whether there are none left.
    [[nodiscard]] bool forget(const std::unordered_set<std::string_view>& topics);

    /// What comes next; null at the end.
    [[nodiscard]] const LogEntry* next() const noexcept
    {
        return pending_.empty() ? nullptr : pending_.front().entry.get();
    }
    void pop() noexcept;
    [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }

private:
    struct Pending
    {
        EntryRef entry;
        Captured captured;  // nothing, where it is of the backlog
    };

    const std::string request_;
    std::vector<TopicPattern> patterns_;
    std::unordered_set<std::string> held_;
    std::deque<Pending> pending_;
    Captured captured_;
    bool begun_ = false;
};

}  // namespace strandcast
