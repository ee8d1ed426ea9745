#include "router/router_event_sinks.hpp"

namespace strandcast
{

std::shared_ptr<EventSource<RouterEvent>> RouterEventSinks::listen(RouterEventKinds kinds)
{
    auto queue = std::make_shared<EventQueue<RouterEvent>>(executor_, capacity_);
    const std::lock_guard lock(mutex_);
    if (ended_)
    {
        queue->close();
        return queue;
    }
    forgetClosed();
    sinks_.push_back({kinds, queue});
    wanted_ |= kinds;
    return queue;
}

void RouterEventSinks::push(const RouterEvent& event)
{
    const auto kind = static_cast<RouterEventKinds>(1U << event.index());
    const std::lock_guard lock(mutex_);
    bool isClosed = false;
    for (const auto& sink : sinks_)
    {
        isClosed = isClosed || sink.queue->isClosed();
        if ((sink.kinds & kind) != 0) sink.queue->pushFromAnyThread(event);
    }
    if (isClosed) forgetClosed();
}

void RouterEventSinks::forgetClosed()
{
    std::erase_if(sinks_, [](const Sink& sink) { return sink.queue->isClosed(); });
    RouterEventKinds wanted = 0;
    for (const auto& sink : sinks_) wanted |= sink.kinds;
    wanted_ = wanted;
}

void RouterEventSinks::end()
{
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wanted_ = 0;
    for (const auto& sink : sinks_) sink.queue->end();
    sinks_.clear();
}

}  // namespace strandcast
