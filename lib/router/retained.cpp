#include "router/retained.hpp"

#include <algorithm>
#include <cstddef>

namespace strandcast
{

namespace
{

std::size_t bytesOf(const LogEntry& entry)
{
    // The entry and its frames.
    return sizeof(LogEntry) + 3 * entry.textSize();
}

}  // namespace

void Retained::addRule(RetainRule rule)
{
    rules_.push_back({TopicPattern(std::move(rule.topic), topicLimits_), rule.count, rule.duration});
}

const Retained::Rule* Retained::ruleOf(std::string_view topic) const
{
    const auto found = std::find_if(rules_.begin(), rules_.end(),
                                    [&](const Rule& rule) { return rule.topic.matches(topic); });
    return found == rules_.end() ? nullptr : &*found;
}

void Retained::take(const EntryRef& entry)
{
    const auto* const rule = ruleOf(entry->topic);
    if (!rule || rule->count == 0) return;
    dropOutdated();
    const auto end = clock_.now() + rule->duration;
    const auto topic = topics_.try_emplace(std::string(entry->topic)).first;
    topic->second.push_back({entry, end});
    ends_.emplace(End(end, entry->offset), topic);
    bytes_ += bytesOf(*entry);
    while (topic->second.size() > rule->count) drop(topic, 0);
    while (ends_.size() > limits_.maxEntries || bytes_ > limits_.maxBytes) dropFirstToGo();
}

void Retained::addTo(LastEntries& last, const LastQuery& query)
{
    dropOutdated();
    const auto inLog = last.entries.size();
    const auto add = [&](const std::deque<Kept>& ofTopic)
    {
        for (const auto& kept : ofTopic) last.entries.push_back(kept.entry);
    };
    for (const auto& name : query.topics)
        if (const auto topic = topics_.find(name); topic != topics_.end()) add(topic->second);
    if (query.matches)
        for (const auto& [name, ofTopic] : topics_)
            if (query.matches(name)) add(ofTopic);
    if (last.entries.size() == inLog) return;

    std::ranges::sort(last.entries, {}, [](const EntryRef& entry) { return entry->offset; });
    last.entries.erase(std::unique(last.entries.begin(), last.entries.end()), last.entries.end());
    // So many of each topic, the newest.
    std::map<std::string_view, std::size_t> counts;
    std::vector<EntryRef> newest;
    for (auto entry = last.entries.rbegin(); entry != last.entries.rend(); ++entry)
        if (++counts[(*entry)->topic] <= query.perTopic) newest.push_back(*entry);
    last.entries.assign(newest.rbegin(), newest.rend());
}

bool Retained::holds(std::string_view topic)
{
    if (topics_.empty()) return false;
    dropOutdated();
    return topics_.find(topic) != topics_.end();
}

void Retained::drop(Topics::iterator topic, std::size_t index)
{
    const auto kept = topic->second.begin() + static_cast<std::ptrdiff_t>(index);
    bytes_ -= bytesOf(*kept->entry);
    ends_.erase(End(kept->end, kept->entry->offset));
    topic->second.erase(kept);
}

void Retained::dropFirstToGo()
{
    const auto [end, topic] = *ends_.begin();
    const auto& ofTopic = topic->second;
    const auto place =
        std::ranges::find(ofTopic, end.second, [](const Kept& kept) { return kept.entry->offset; });
    drop(topic, static_cast<std::size_t>(place - ofTopic.begin()));
    if (ofTopic.empty()) topics_.erase(topic);
}

void Retained::dropOutdated()
{
    const auto now = clock_.now();
    while (!ends_.empty() && ends_.begin()->first.first <= now) dropFirstToGo();
}

}  // namespace strandcast
