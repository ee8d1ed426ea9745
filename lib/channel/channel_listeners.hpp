#pragma once

#include "coro/event_queue.hpp"

#include <strandcast/channel_stream.hpp>
#include <strandcast/strand.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// An item on its way to a channel's stream: an event, or the place where some may be missing.
template <typename Event>
struct Heard
{
    std::optional<Event> event = {};
    std::size_t bytes = 0;  // of the event's data
};

/// Gives a stream its events, and counts the gaps.
template <typename Event>
class HeardSource final : public EventSource<Event>
{
public:
    explicit HeardSource(std::shared_ptr<EventQueue<Heard<Event>>> queue) : queue_(std::move(queue)) {}

    [[nodiscard]] const std::shared_ptr<std::atomic<std::uint64_t>>& gaps() const noexcept { return gaps_; }

    [[nodiscard]] std::optional<Event> tryTake() override
    {
        while (auto item = queue_->tryTake())
        {
            if (item->event) return std::move(item->event);
            gaps_->fetch_add(1);
        }
        return std::nullopt;
    }

    [[nodiscard]] bool hasEnded() const override { return queue_->hasEnded(); }
    [[nodiscard]] std::uint64_t generation() const override { return queue_->generation(); }
    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) override
    {
        return queue_->changedSince(seen);
    }
    [[nodiscard]] std::uint64_t dropped() const override { return queue_->dropped(); }
    void close() noexcept override { queue_->close(); }

private:
    std::shared_ptr<EventQueue<Heard<Event>>> queue_;
    std::shared_ptr<std::atomic<std::uint64_t>> gaps_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// The streams of one kind of event on a client's side. They are made and let go of on any thread, and fed on
/// the client's.
template <typename Event>
class ChannelListeners
{
public:
    /// A stream of the events of one entity, or of all.
    [[nodiscard]] ChannelStream<Event> listen(ShardExecutor executor, std::size_t capacity,
                                              std::size_t maxBytes, std::optional<std::string> entity = {})
    {
        auto queue =
            std::make_shared<EventQueue<Heard<Event>>>(executor, capacity, &leaveGap, &sizeOf, maxBytes);
        auto source = std::make_shared<HeardSource<Event>>(queue);
        auto gaps = source->gaps();
        const std::lock_guard lock(mutex_);
        forgetClosed();
        streams_.push_back({std::move(queue), std::move(entity)});
        return {std::move(source), std::move(gaps)};
    }

    /// Whether there is nobody to read for.
    [[nodiscard]] bool isEmpty()
    {
        const std::lock_guard lock(mutex_);
        forgetClosed();
        return streams_.empty();
    }

    /// An event of `entity`, whose data takes so many bytes.
    void push(const Event& event, std::string_view entity, std::size_t bytes)
    {
        const std::lock_guard lock(mutex_);
        for (const auto& stream : streams_)
            if (!stream.entity || *stream.entity == entity) stream.queue->push({event, bytes});
    }

    /// In every stream: here some may be missing.
    void missed()
    {
        const std::lock_guard lock(mutex_);
        for (const auto& stream : streams_) stream.queue->push({});
    }

    /// What the streams hold can still be read.
    void end()
    {
        const std::lock_guard lock(mutex_);
        for (const auto& stream : streams_) stream.queue->end();
        streams_.clear();
    }

private:
    struct Stream
    {
        std::shared_ptr<EventQueue<Heard<Event>>> queue;
        std::optional<std::string> entity;
    };

    static void leaveGap(std::optional<Heard<Event>>& inPlace, Heard<Event> dropped)
    {
        static_cast<void>(dropped);
        if (!inPlace) inPlace = Heard<Event>();
    }

    static std::size_t sizeOf(const Heard<Event>& item) { return sizeof(item) + item.bytes; }

    void forgetClosed()
    {
        std::erase_if(streams_, [](const Stream& stream) { return stream.queue->isClosed(); });
    }

    std::mutex mutex_;
    std::vector<Stream> streams_;
};

}  // namespace strandcast
