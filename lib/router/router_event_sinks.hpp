#pragma once

#include "coro/event_queue.hpp"

#include <strandcast/router_events.hpp>
#include <strandcast/strand.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace strandcast
{

/// The streams that listen to a router, all parts of it. On any thread, but for end(). Each is bounded, and
/// loses its oldest events; nobody waits for its reader.
class RouterEventSinks
{
public:
    RouterEventSinks(ShardExecutor executor, std::size_t capacity) : executor_(executor), capacity_(capacity)
    {
    }

    [[nodiscard]] std::shared_ptr<EventSource<RouterEvent>> listen(RouterEventKinds kinds);

    /// Whether anybody listens to such events: if not, there is no need to make one.
    template <typename Event>
    [[nodiscard]] bool want() const noexcept
    {
        return (wanted_.load(std::memory_order_relaxed) & routerEventKind<Event>()) != 0;
    }

    void push(const RouterEvent& event);

    /// No event comes any more. On the shard of the executor.
    void end();

private:
    struct Sink
    {
        RouterEventKinds kinds;
        std::shared_ptr<EventQueue<RouterEvent>> queue;
    };

    void forgetClosed();

    const ShardExecutor executor_;
    const std::size_t capacity_;
    std::mutex mutex_;
    std::vector<Sink> sinks_;
    std::atomic<RouterEventKinds> wanted_ = 0;
    bool ended_ = false;
};

}  // namespace strandcast
