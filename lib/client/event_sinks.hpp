#pragma once

#include "coro/event_queue.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/topics.hpp>
#include <strandcast/ws_client.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace strandcast
{

/// The streams that a client's application reads. Made on any thread, fed on the client's own.
class EventSinks
{
public:
    EventSinks(ShardExecutor executor, std::size_t capacity) : executor_(executor), capacity_(capacity) {}

    /// A stream of what matches one of `patterns`, or of everything where there is none.
    [[nodiscard]] EventStream<Delivery> deliveries(std::vector<TopicPattern> patterns);
    [[nodiscard]] EventStream<Lifecycle> lifecycle();

    /// Gives an event to every stream that it matches.
    void push(EventMessage event);
    /// Gives every stream of events a note on its continuity: a gap, or its end.
    void pushToAll(const Delivery& note);
    void push(Lifecycle happened);

    /// Ends all streams: what they hold can still be read.
    void endAll();

private:
    struct Sink
    {
        std::shared_ptr<EventQueue<Delivery>> queue;
        std::vector<TopicPattern> patterns;

        [[nodiscard]] bool takes(const std::string& topic) const;
    };

    const ShardExecutor executor_;
    const std::size_t capacity_;
    std::mutex mutex_;  // of the lists
    std::vector<Sink> deliveries_;
    std::vector<std::shared_ptr<EventQueue<Lifecycle>>> lifecycle_;
};

}  // namespace strandcast
