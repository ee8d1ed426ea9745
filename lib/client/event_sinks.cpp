#include "client/event_sinks.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

// What a full stream drops leaves a gap in its place; gaps side by side are one, and of unknown size if one
// of them is.
void mergeIntoGap(std::optional<Delivery>& inPlace, Delivery dropped)
{
    if (std::holds_alternative<Resumed>(dropped)) return;
    if (!inPlace) inPlace = Gap{0, Gap::Reason::dropped};
    auto& gap = std::get<Gap>(*inPlace);
    if (std::holds_alternative<EventMessage>(dropped))
    {
        if (gap.missed) ++*gap.missed;
        return;
    }
    const auto& other = std::get<Gap>(dropped);
    if (gap.missed && other.missed)
        *gap.missed += *other.missed;
    else
        gap.missed.reset();
    if (other.reason == Gap::Reason::disconnected) gap.reason = other.reason;
}

}  // namespace

bool EventSinks::Sink::takes(const std::string& topic) const
{
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const TopicPattern& pattern)
                                           { return pattern.matches(topic); });
}

EventStream<Delivery> EventSinks::deliveries(std::vector<TopicPattern> patterns)
{
    auto queue = std::make_shared<EventQueue<Delivery>>(executor_, capacity_, &mergeIntoGap);
    const std::lock_guard lock(mutex_);
    deliveries_.push_back({queue, std::move(patterns)});
    return EventStream<Delivery>(std::move(queue));
}

EventStream<Lifecycle> EventSinks::lifecycle()
{
    auto queue = std::make_shared<EventQueue<Lifecycle>>(executor_, capacity_);
    const std::lock_guard lock(mutex_);
    lifecycle_.push_back(queue);
    return EventStream<Lifecycle>(std::move(queue));
}

void EventSinks::push(EventMessage event)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(deliveries_, [](const Sink& sink) { return sink.queue->isClosed(); });
    EventQueue<Delivery>* last = nullptr;
    for (const auto& sink : deliveries_)
    {
        if (!sink.takes(event.topic)) continue;
        if (last) last->push(event);
        last = sink.queue.get();
    }
    if (last) last->push(std::move(event));  // the last needs no copy
}

void EventSinks::pushToAll(const Delivery& note)
{
    const std::lock_guard lock(mutex_);
    for (const auto& sink : deliveries_) sink.queue->push(note);
}

void EventSinks::push(Lifecycle happened)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(lifecycle_, [](const auto& queue) { return queue->isClosed(); });
    for (const auto& queue : lifecycle_) queue->push(happened);
}

void EventSinks::endAll()
{
    const std::lock_guard lock(mutex_);
    for (const auto& sink : deliveries_) sink.queue->end();
    for (const auto& queue : lifecycle_) queue->end();
    deliveries_.clear();
    lifecycle_.clear();
}

}  // namespace strandcast
