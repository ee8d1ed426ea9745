#include "router/replay.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

namespace
{

std::size_t bytesOf(const LogEntry& entry)
{
    return sizeof(LogEntry) + entry.textSize();
}

}  // namespace

Replay::Replay(std::string request, const std::vector<std::string>& topics,
               std::unordered_set<std::string> held, const TopicLimits& topicLimits)
    : request_(std::move(request)),
      held_(std::move(held))
{
    patterns_.reserve(topics.size());
    for (const auto& topic : topics) patterns_.emplace_back(topic, topicLimits);
}

bool Replay::matches(std::string_view topic) const
{
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const TopicPattern& pattern) { return pattern.matches(topic); });
}

void Replay::begin(std::vector<EntryRef> backlog, std::uint64_t newestOffset)
{
    begun_ = true;
    // What came while the backlog was fetched may be in it.
    while (!pending_.empty() && pending_.front().entry->offset <= newestOffset) pop();
    for (auto entry = backlog.rbegin(); entry != backlog.rend(); ++entry)
        pending_.push_front({std::move(*entry), {}});
}

Captured Replay::capture(EntryRef entry)
{
    const Captured one{1, bytesOf(*entry)};
    pending_.push_back({std::move(entry), one});
    captured_ += one;
    return one;
}

// It stands behind the backlog.
EntryRef Replay::dropOldestCaptured()
{
    const auto oldest = pending_.end() - static_cast<std::ptrdiff_t>(captured_.count);
    captured_ -= oldest->captured;
    auto entry = std::move(oldest->entry);
    pending_.erase(oldest);
    return entry;
}

bool Replay::forget(const std::unordered_set<std::string_view>& topics)
{
    std::erase_if(patterns_, [&](const TopicPattern& pattern) { return topics.contains(pattern.text()); });
    std::erase_if(held_, [&](const std::string& topic) { return topics.contains(topic); });
    std::deque<Pending> rest;
    rest.swap(pending_);
    captured_ = {};
    for (auto& one : rest)
    {
        if (!matches(one.entry->topic)) continue;
        captured_ += one.captured;
        pending_.push_back(std::move(one));
    }
    return patterns_.empty();
}

void Replay::pop() noexcept
{
    captured_ -= pending_.front().captured;
    pending_.pop_front();
}

}  // namespace strandcast
