#include "server/server_event_sinks.hpp"

namespace strandcast
{

std::shared_ptr<EventSource<ServerEvent>> ServerEventSinks::listen(ServerEventKinds kinds)
{
    auto queue = std::make_shared<EventQueue<ServerEvent>>(executor_, capacity_);
    const std::lock_guard lock(mutex_);
    if (ended_)
    {
        queue->endFromAnyThread();
        return queue;
    }
    forgetClosed();
    sinks_.push_back({queue, kinds});
    wanted_ |= kinds;
    return queue;
}

void ServerEventSinks::push(const ServerEvent& event)
{
    const auto kind = static_cast<ServerEventKinds>(1U << event.index());
    const std::lock_guard lock(mutex_);
    forgetClosed();
    for (const auto& sink : sinks_)
        if ((sink.kinds & kind) != 0) sink.queue->pushFromAnyThread(event);
}

void ServerEventSinks::forgetClosed()
{
    if (std::erase_if(sinks_, [](const Sink& sink) { return sink.queue->isClosed(); }) == 0) return;
    ServerEventKinds wanted = 0;
    for (const auto& sink : sinks_) wanted |= sink.kinds;
    wanted_ = wanted;
}

void ServerEventSinks::endAll()
{
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wanted_ = 0;
    for (const auto& sink : sinks_) sink.queue->endFromAnyThread();
    sinks_.clear();
}

}  // namespace strandcast
