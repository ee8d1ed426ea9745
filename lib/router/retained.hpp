#pragma once

#include <strandcast/broker.hpp>
#include <strandcast/clock.hpp>
#include <strandcast/topics.hpp>
#include <strandcast/ws_router.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// Bounds on what is retained: over them, what would go first anyhow goes first.
struct RetainedLimits
{
    std::size_t maxEntries = 0;
    std::size_t maxBytes = 0;
};

/// The newest events of the topics that rules name, kept for a time, though the log gave them up.
class Retained
{
public:
    Retained(RetainedLimits limits, const TopicLimits& topicLimits, Clock& clock)
        : limits_(limits),
          topicLimits_(topicLimits),
          clock_(clock)
    {
    }

    /// What is logged from now on is kept, by the first rule that matches.
    /// @throws Error with Errc::invalidArgument for a pattern that is none.
    void addRule(RetainRule rule);

    void take(const EntryRef& entry);

    /// Adds what the log gave up of what is asked for.
    void addTo(LastEntries& last, const LastQuery& query);

    /// Whether it keeps an event of the topic: if so its numbers are kept.
    [[nodiscard]] bool holds(std::string_view topic);

    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }

private:
    struct Rule
    {
        TopicPattern topic;
        std::size_t count;
        std::chrono::milliseconds duration;
    };
    struct Kept
    {
        EntryRef entry;
        Clock::time_point end;
    };
    using Topics = std::map<std::string, std::deque<Kept>, std::less<>>;
    using End = std::pair<Clock::time_point, std::uint64_t>;  // of an entry, and its offset

    [[nodiscard]] const Rule* ruleOf(std::string_view topic) const;
    void drop(Topics::iterator topic, std::size_t index);
    void dropFirstToGo();
    void dropOutdated();

    const RetainedLimits limits_;
    const TopicLimits topicLimits_;
    Clock& clock_;
    std::vector<Rule> rules_;
    Topics topics_;
    std::map<End, Topics::iterator> ends_;  // in the order in which they go
    std::size_t bytes_ = 0;
};

}  // namespace strandcast
