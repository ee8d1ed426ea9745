#pragma once

#include "coro/change_signal.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace strandcast
{

/// The bounded queue behind an EventStream: one shard pushes, a reader on any thread takes. A full queue
/// drops its oldest; `merge`, where there is one, keeps in their place what says so.
template <typename T>
class EventQueue final : public EventSource<T>
{
public:
    /// Folds a dropped event into what stands in its place, at the front of the queue.
    using Merge = void (*)(std::optional<T>& inPlace, T dropped);

    EventQueue(ShardExecutor executor, std::size_t capacity, Merge merge = nullptr)
        : changed_(executor),
          capacity_(capacity == 0 ? 1 : capacity),
          merge_(merge)
    {
    }

    /// On the shard's thread.
    void push(T event)
    {
        {
            const std::lock_guard lock(mutex_);
            if (closed_ || ended_) return;
            if (events_.size() >= capacity_)
            {
                ++dropped_;
                if (merge_) merge_(inPlace_, std::move(events_.front()));
                events_.pop_front();
            }
            events_.push_back(std::move(event));
        }
        changed_.change();
    }

    /// No event comes any more; what is there can still be read. On the shard's thread.
    void end()
    {
        {
            const std::lock_guard lock(mutex_);
            if (std::exchange(ended_, true)) return;
        }
        changed_.change();
    }

    /// Whether the reader has gone, so that nobody need push any more.
    [[nodiscard]] bool isClosed() const
    {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    [[nodiscard]] std::uint64_t dropped() const
    {
        const std::lock_guard lock(mutex_);
        return dropped_;
    }

    [[nodiscard]] std::optional<T> tryTake() override
    {
        const std::lock_guard lock(mutex_);
        if (inPlace_) return std::exchange(inPlace_, std::nullopt);
        if (events_.empty()) return std::nullopt;
        std::optional<T> event(std::move(events_.front()));
        events_.pop_front();
        return event;
    }

    [[nodiscard]] bool hasEnded() const override
    {
        const std::lock_guard lock(mutex_);
        return closed_ || (ended_ && events_.empty() && !inPlace_);
    }

    [[nodiscard]] std::uint64_t generation() const override { return changed_.count(); }

    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) override
    {
        return changed_.changedSince(seen);
    }

    void close() noexcept override
    {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            events_.clear();
            inPlace_.reset();
        }
        changed_.changeFromAnyThread();  // a reader that waits has its end
    }

private:
    ChangeSignal changed_;
    const std::size_t capacity_;
    const Merge merge_;
    mutable std::mutex mutex_;
    std::deque<T> events_;
    std::optional<T> inPlace_;
    std::uint64_t dropped_ = 0;
    bool closed_ = false;
    bool ended_ = false;
};

}  // namespace strandcast
