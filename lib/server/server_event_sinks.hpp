#pragma once

#include "coro/event_queue.hpp"

#include <strandcast/server_events.hpp>
#include <strandcast/strand.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace strandcast
{

/// The streams of a server's events. Made, fed and read on any thread; where nobody listens, an event costs
/// one look at a number.
class ServerEventSinks
{
public:
    ServerEventSinks(ShardExecutor executor, std::size_t capacity) : executor_(executor), capacity_(capacity)
    {
    }

    [[nodiscard]] std::shared_ptr<EventSource<ServerEvent>> listen(ServerEventKinds kinds);

    template <typename Event>
    [[nodiscard]] bool wants() const noexcept
    {
        return (wanted_.load(std::memory_order_relaxed) & serverEventKind<Event>()) != 0;
    }

    /// Tells an event of these fields, if anybody listens. What cannot be told for want of memory is not.
    template <typename Event, typename... Fields>
    void tell(Fields&&... fields) noexcept
    {
        if (!wants<Event>()) return;
        try
        {
            push(Event{std::forward<Fields>(fields)...});
        }
        catch (const std::exception&)
        {
            // Out of memory, as it must be: what happened has happened all the same.
        }
    }

    /// Ends all streams: what they hold can still be read.
    void endAll();

private:
    struct Sink
    {
        std::shared_ptr<EventQueue<ServerEvent>> queue;
        ServerEventKinds kinds;
    };

    void push(const ServerEvent& event);
    void forgetClosed();

    const ShardExecutor executor_;
    const std::size_t capacity_;
    std::atomic<ServerEventKinds> wanted_ = 0;
    std::mutex mutex_;  // of the rest
    std::vector<Sink> sinks_;
    bool ended_ = false;
};

}  // namespace strandcast
