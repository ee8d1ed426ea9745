#include "router/replay.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

namespace
{

std::size_t bytesOf(const LogEntry& entry)
{
    return sizeof(LogEntry) + entry.topic.size() + (entry.data ? entry.data->text().size() : 0);
}

}  // namespace

Replay::Replay(std::string request, const std::vector<std::string>& topics,
               std::unordered_set<std::string> held, const ReplayLimits& limits,
               const TopicLimits& topicLimits)
    : request_(std::move(request)),
      held_(std::move(held)),
      limits_(limits)
{
    patterns_.reserve(topics.size());
    for (const auto& topic : topics) patterns_.emplace_back(topic, topicLimits);
}

bool Replay::matches(std::string_view topic) const
{
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const TopicPattern& pattern) { return pattern.matches(topic); });
}

std::vector<EntryRef> Replay::begin(std::vector<EntryRef> backlog, std::uint64_t newestOffset)
{
    begun_ = true;
    // What came while the backlog was fetched may be in it.
    while (!pending_.empty() && pending_.front().entry->offset <= newestOffset) pop();
    std::vector<EntryRef> dropped;
    const auto excess = backlog.size() - std::min(backlog.size(), limits_.maxBacklog);
    dropped.assign(backlog.begin(), backlog.begin() + static_cast<std::ptrdiff_t>(excess));
    for (auto index = backlog.size(); index > excess; --index)
        pending_.push_front({std::move(backlog[index - 1]), 0});
    return dropped;
}

std::vector<EntryRef> Replay::capture(EntryRef entry)
{
    const auto bytes = bytesOf(*entry);
    pending_.push_back({std::move(entry), bytes});
    ++captured_;
    capturedBytes_ += bytes;
    return dropExcess();
}

// The oldest of what was captured, which stands behind the backlog.
std::vector<EntryRef> Replay::dropExcess()
{
    std::vector<EntryRef> dropped;
    while (!isWithinLimits())
    {
        const auto oldest = pending_.end() - static_cast<std::ptrdiff_t>(captured_);
        --captured_;
        capturedBytes_ -= oldest->captured;
        dropped.push_back(std::move(oldest->entry));
        pending_.erase(oldest);
    }
    return dropped;
}

bool Replay::isWithinLimits() const noexcept
{
    return captured_ <= 1 || (captured_ <= limits_.maxCaptured && capturedBytes_ <= limits_.maxCapturedBytes);
}

bool Replay::forget(const std::unordered_set<std::string_view>& topics)
{
    std::erase_if(patterns_, [&](const TopicPattern& pattern) { return topics.contains(pattern.text()); });
    std::erase_if(held_, [&](const std::string& topic) { return topics.contains(topic); });
    std::deque<Pending> rest;
    rest.swap(pending_);
    captured_ = 0;
    capturedBytes_ = 0;
    for (auto& one : rest)
    {
        if (!matches(one.entry->topic)) continue;
        captured_ += one.captured > 0 ? 1 : 0;
        capturedBytes_ += one.captured;
        pending_.push_back(std::move(one));
    }
    return patterns_.empty();
}

void Replay::pop() noexcept
{
    const auto& first = pending_.front();
    captured_ -= first.captured > 0 ? 1 : 0;
    capturedBytes_ -= first.captured;
    pending_.pop_front();
}

}  // namespace strandcast
