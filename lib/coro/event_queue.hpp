#pragma once

#include "coro/change_signal.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

namespace strandcast
{

/// The bounded queue behind an EventStream: one shard pushes, a reader on any thread takes. A full queue
/// drops its oldest; `merge`, where there is one, keeps in their place what says so. It is bounded in events
/// and, where `measure` gives their size, in bytes; one event always fits.
template <typename T>
class EventQueue final : public EventSource<T>
{
public:
    /// Folds a dropped event into what stands in its place, at the front of the queue.
    using Merge = void (*)(std::optional<T>& inPlace, T dropped);

    /// What an event takes, in bytes; the same each time that it is asked.
    using Measure = std::size_t (*)(const T& event);

    EventQueue(ShardExecutor executor, std::size_t capacity, Merge merge = nullptr, Measure measure = nullptr,
               std::size_t maxBytes = std::numeric_limits<std::size_t>::max())
        : changed_(executor),
          capacity_(capacity),
          maxBytes_(maxBytes),
          merge_(merge),
          measure_(measure)
    {
    }

    /// On the shard's thread. The event is made of `event` in its place.
    /// @returns false where the reader has gone, so that nobody need push any more.
    template <typename Event = T>
    bool push(Event&& event)
    {
        const auto kept = keep(std::forward<Event>(event));
        if (kept == Kept::yes) changed_.change();
        return kept != Kept::closed;
    }

    void pushFromAnyThread(T event)
    {
        if (keep(std::move(event)) == Kept::yes) changed_.changeFromAnyThread();
    }

    /// No event comes any more; what is there can still be read. On the shard's thread.
    void end()
    {
        if (endOnce()) changed_.change();
    }

    void endFromAnyThread()
    {
        if (endOnce()) changed_.changeFromAnyThread();
    }

    /// Whether the reader has gone, so that nobody need push any more.
    [[nodiscard]] bool isClosed() const
    {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    [[nodiscard]] std::uint64_t dropped() const override
    {
        const std::lock_guard lock(mutex_);
        return dropped_;
    }

    [[nodiscard]] std::optional<T> tryTake() override
    {
        std::optional<T> taken;
        const std::lock_guard lock(mutex_);
        if (inPlace_)
            taken.swap(inPlace_);
        else if (!events_.empty())
            takeOldest(taken);
        return taken;
    }

    [[nodiscard]] bool hasEnded() const override
    {
        const std::lock_guard lock(mutex_);
        return closed_ || (ended_ && events_.empty() && !inPlace_);
    }

    [[nodiscard]] std::uint64_t generation() const override { return changed_.counted(); }

    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) override
    {
        return changed_.changedSince(seen);
    }

    void close() noexcept override
    {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            events_ = {};
            inPlace_.reset();
            bytes_ = 0;
        }
        changed_.changeFromAnyThread();  // a reader that waits has its end
    }

private:
    [[nodiscard]] bool endOnce()
    {
        const std::lock_guard lock(mutex_);
        return !std::exchange(ended_, true);
    }

    enum class Kept : std::uint8_t
    {
        yes,
        ended,
        closed,
    };

    template <typename Event>
    [[nodiscard]] Kept keep(Event&& event)
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return Kept::closed;
        if (ended_) return Kept::ended;
        events_.emplace_back(std::forward<Event>(event));
        bytes_ += sizeOf(events_.back());
        while (events_.size() > 1 && (events_.size() > capacity_ || bytes_ > maxBytes_)) dropOldest();
        return Kept::yes;
    }

    [[nodiscard]] std::size_t sizeOf(const T& event) const { return measure_ ? measure_(event) : 0; }

    void takeOldest(std::optional<T>& taken)
    {
        bytes_ -= sizeOf(events_.front());
        taken.emplace(std::move(events_.front()));
        events_.pop_front();
    }

    void dropOldest()
    {
        ++dropped_;
        std::optional<T> oldest;
        takeOldest(oldest);
        if (merge_) merge_(inPlace_, std::move(*oldest));
    }

    ChangeSignal changed_;
    const std::size_t capacity_;
    const std::size_t maxBytes_;
    const Merge merge_;
    const Measure measure_;
    mutable std::mutex mutex_;
    std::deque<T> events_;
    std::optional<T> inPlace_;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
    bool closed_ = false;
    bool ended_ = false;
};

}  // namespace strandcast
