#include "client/event_sinks.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace strandcast
{

namespace
{

/// Whatever becomes of one end, the others follow. Where there is no memory even to wake a reader, that finds
/// the end when it wakes otherwise.
template <typename End>
void insist(End end) noexcept
{
    try
    {
        end();
    }
    catch (...)
    {
    }
}

}  // namespace

bool EventSinks::Sink::listensTo(const std::set<std::string>& topics) const
{
    if (topics.empty()) return false;
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const TopicPattern& pattern)
                                           { return topics.contains(pattern.text()); });
}

EventStream<Delivery> EventSinks::deliveries(std::vector<TopicPattern> patterns, std::string replay)
{
    auto queue = std::make_shared<DeliveryQueue>(executor_, capacity_, maxBytes_);
    const std::lock_guard lock(mutex_);
    if (forgetNewAt_.isReachedBy(new_.size()))
    {
        std::erase_if(new_, [](const Sink& sink) { return sink.queue->isClosed(); });
        forgetNewAt_.left(new_.size());
    }
    new_.push_back({queue, std::move(patterns), std::move(replay)});
    hasNew_.store(true, std::memory_order_release);
    return EventStream<Delivery>(std::move(queue));
}

void EventSinks::takeNew()
{
    if (!hasNew_.load(std::memory_order_acquire)) return;
    std::vector<Sink> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(new_);
        hasNew_ = false;
    }
    if (forgetAt_.isReachedBy(deliveries_.size()))
    {
        forgetClosed();
        forgetAt_.left(deliveries_.size());
    }
    for (auto& sink : taken)
    {
        const auto queue = sink.queue;
        try
        {
            take(std::move(sink));
        }
        catch (...)
        {
            // Out of memory: its reader would wait for ever. The others miss nothing.
            if (const auto half = deliveries_.find(lastNumber_); half != deliveries_.end()) forget(half);
            insist([&] { queue->end(); });
        }
    }
}

void EventSinks::take(Sink&& added)
{
    isLastKnown_ = false;
    const auto number = ++lastNumber_;
    const auto& sink = deliveries_.emplace(number, std::move(added)).first->second;
    for (const auto& pattern : sink.patterns) byPattern_.insert(pattern.text(), number);
    if (sink.patterns.empty()) ofEverything_.insert(number);
    if (!sink.replay.empty()) replays_[sink.replay] = number;
}

EventStream<Lifecycle> EventSinks::lifecycle()
{
    auto queue = std::make_shared<EventQueue<Lifecycle>>(executor_, capacity_);
    const std::lock_guard lock(mutex_);
    if (forgetLifecycleAt_.isReachedBy(lifecycle_.size()))
    {
        std::erase_if(lifecycle_, [](const auto& one) { return one->isClosed(); });
        forgetLifecycleAt_.left(lifecycle_.size());
    }
    lifecycle_.push_back(queue);
    return EventStream<Lifecycle>(std::move(queue));
}

void EventSinks::add(std::weak_ptr<EventTap> tap)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(taps_, [](const auto& one) { return one.expired(); });
    taps_.push_back(std::move(tap));
    atEnd_.reserve(taps_.size());
    hasTaps_ = true;
}

void EventSinks::remove(const EventTap& tap)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(taps_, [&](const auto& one) { return one.expired() || one.lock().get() == &tap; });
    hasTaps_ = !taps_.empty();
}

// They are called without the lock: what they do is theirs.
std::vector<std::shared_ptr<EventTap>> EventSinks::taps() const
{
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<EventTap>> there;
    for (const auto& one : taps_)
        if (auto tap = one.lock()) there.push_back(std::move(tap));
    return there;
}

void EventSinks::tellTaps(const EventView& event) const
{
    const auto message = messageOf(event);
    for (const auto& tap : taps()) tap->heard(message);
}

void EventSinks::push(const EventView& event)
{
    if (hasTaps_) tellTaps(event);
    takeNew();
    if (event.replay) return pushReplayed(event);
    const auto matching = matchingOf(event.topic);
    if (matching.size() == 1 && ofEverything_.empty()) return give(matching.front(), event);
    // Copied: who is found to be gone is taken out of where it was found.
    recipients_.assign(matching.begin(), matching.end());
    recipients_.insert(recipients_.end(), ofEverything_.begin(), ofEverything_.end());
    for (const auto number : recipients_) give(number, event);
}

// Events come in runs of one topic.
std::span<const std::uint64_t> EventSinks::matchingOf(std::string_view topic)
{
    if (isLastKnown_ && topic == lastTopic_) return lastMatching_;
    isLastKnown_ = false;
    lastTopic_ = topic;
    lastMatching_ = byPattern_.match(topic);
    isLastKnown_ = true;
    return lastMatching_;
}

void EventSinks::wakeReaders()
{
    for (std::size_t index = 0; index < toBeWoken_.size(); ++index)
    {
        const auto queue = toBeWoken_[index];
        queue->wakeReader();
    }
    toBeWoken_.clear();
}

void EventSinks::wakeReadersLater()
{
    for (const auto& queue : toBeWoken_) queue->wakeReaderLater();
    toBeWoken_.clear();
}

void EventSinks::push(const Gap& gap, const std::string& topic)
{
    for (const auto& tap : taps()) tap->missed(topic);
    takeNew();
    const auto matching = matchingOf(topic);
    recipients_.assign(matching.begin(), matching.end());
    recipients_.insert(recipients_.end(), ofEverything_.begin(), ofEverything_.end());
    for (const auto number : recipients_) give(number, gap);
}

void EventSinks::pushReplayed(const EventView& event)
{
    const auto replay = replays_.find(*event.replay);
    if (replay == replays_.end()) return;  // who asked for it has gone
    const auto number = replay->second;
    if (!event.topic.empty()) return give(number, event);
    replays_.erase(replay);  // it is complete
    deliveries_.at(number).replay.clear();
}

void EventSinks::give(std::uint64_t number, const EventView& event)
{
    const auto sink = deliveries_.find(number);
    // What is new while a replay runs is in it as well, at its place.
    if (!event.replay && !sink->second.replay.empty()) return;
    auto& queue = sink->second.queue;
    if (!queue->push(event)) return forget(sink);
    if (!queue->isReaderToBeNoted()) return;
    toBeWoken_.push_back(queue);
    queue->noteReader();
}

void EventSinks::give(std::uint64_t number, const Gap& gap)
{
    const auto sink = deliveries_.find(number);
    if (!sink->second.queue->push(gap)) forget(sink);
}

void EventSinks::push(Lifecycle happened)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(lifecycle_, [](const auto& queue) { return queue->isClosed(); });
    for (const auto& queue : lifecycle_) queue->push(happened);
}

void EventSinks::pushLost()
{
    for (const auto& tap : taps()) tap->missed();
    takeNew();
    forgetClosed();
    replays_.clear();
    for (auto& [number, sink] : deliveries_)
    {
        sink.isLost = true;
        sink.replay.clear();
        sink.queue->push(Gap{std::nullopt, Gap::Reason::disconnected});
    }
}

void EventSinks::pushResumed(const std::set<std::string>& refused)
{
    for (const auto& tap : taps()) tap->resumed();
    takeNew();
    forgetClosed();
    for (auto& [number, sink] : deliveries_)
    {
        if (!sink.isLost || sink.listensTo(refused)) continue;
        sink.isLost = false;
        sink.queue->push(Resumed());
    }
}

void EventSinks::endAll() noexcept
{
    for (const auto& known : deliveries_) insist([&] { known.second.queue->end(); });
    deliveries_.clear();
    replays_.clear();
    isLastKnown_ = false;
    byPattern_ = {};
    ofEverything_.clear();
    std::vector<std::shared_ptr<EventTap>> told;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& sink : new_) insist([&] { sink.queue->end(); });
        new_.clear();
        hasNew_ = false;
        for (const auto& queue : lifecycle_) insist([&] { queue->end(); });
        lifecycle_.clear();
        told.swap(atEnd_);
        for (const auto& one : taps_)
            if (auto tap = one.lock()) told.push_back(std::move(tap));
    }
    for (const auto& tap : told) insist([&] { tap->ended(); });
    told.clear();
    const std::lock_guard lock(mutex_);
    if (told.capacity() > atEnd_.capacity()) atEnd_.swap(told);
}

std::size_t EventSinks::size() const
{
    const std::lock_guard lock(mutex_);
    return deliveries_.size() + new_.size() + lifecycle_.size();
}

void EventSinks::forget(std::map<std::uint64_t, Sink>::iterator sink)
{
    isLastKnown_ = false;
    for (const auto& pattern : sink->second.patterns) byPattern_.erase(pattern.text(), sink->first);
    ofEverything_.erase(sink->first);
    if (!sink->second.replay.empty()) replays_.erase(sink->second.replay);
    deliveries_.erase(sink);
}

void EventSinks::forgetClosed()
{
    for (auto sink = deliveries_.begin(); sink != deliveries_.end();)
    {
        const auto one = sink++;
        if (one->second.queue->isClosed()) forget(one);
    }
}

}  // namespace strandcast
