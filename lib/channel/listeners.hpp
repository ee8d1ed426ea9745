#pragma once

#include "channel/payload_kind.hpp"
#include "coro/event_queue.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strandcast
{

/// The streams of one kind of event. They are made and let go of on any thread, and fed on one.
template <typename Event>
class Listeners
{
public:
    /// A stream of the events of one entity, or of all.
    [[nodiscard]] EventStream<Event> listen(ShardExecutor executor, std::size_t capacity,
                                            std::optional<std::string> entity = std::nullopt)
    {
        auto queue = std::make_shared<EventQueue<Event>>(executor, capacity);
        const std::lock_guard lock(mutex_);
        if (ended_) return {};
        forgetClosed();
        streams_.push_back({queue, std::move(entity)});
        return EventStream<Event>(std::move(queue));
    }

    void push(const Event& event)
    {
        const std::lock_guard lock(mutex_);
        if (streams_.empty()) return;
        forgetClosed();
        for (const auto& [queue, entity] : streams_)
            if (!entity || isOf(event, *entity)) queue->push(event);
    }

    /// What the streams hold can still be read.
    void end()
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        for (const auto& stream : streams_) stream.queue->end();
        streams_.clear();
    }

private:
    struct Stream
    {
        std::shared_ptr<EventQueue<Event>> queue;
        std::optional<std::string> entity;
    };

    [[nodiscard]] static bool isOf(const Event& event, const std::string& entity)
    {
        if constexpr (requires { PayloadKind<Event>::id; })
            return entityOf(event) == entity;
        else
            return true;
    }

    void forgetClosed()
    {
        std::erase_if(streams_, [](const Stream& stream) { return stream.queue->isClosed(); });
    }

    std::mutex mutex_;
    std::vector<Stream> streams_;
    bool ended_ = false;
};

}  // namespace strandcast
