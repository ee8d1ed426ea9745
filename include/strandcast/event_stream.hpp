#pragma once

#include <asio/awaitable.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace strandcast
{

/// What an EventStream<T> reads from, on any thread. The library makes them; an application that feeds
/// streams of its own in tests may as well.
template <typename T>
class EventSource
{
public:
    virtual ~EventSource() = default;

    /// The next event, if one is there. The stream is not closed in here.
    [[nodiscard]] virtual std::optional<T> tryTake() = 0;

    /// Whether no event will come any more, once tryTake() gives none.
    [[nodiscard]] virtual bool hasEnded() const = 0;

    /// A number that changes with every event and with the end.
    [[nodiscard]] virtual std::uint64_t generation() const = 0;

    /// Ends when generation() is not `seen` any more. Cancelling loses nothing.
    [[nodiscard]] virtual asio::awaitable<void> changedSince(std::uint64_t seen) = 0;

    /// How many events came to nobody because the reader was slow.
    [[nodiscard]] virtual std::uint64_t dropped() const { return 0; }

    /// The reader has gone, or wants no more: nothing need be kept for it, and the source has ended.
    virtual void close() noexcept = 0;
};

/// A source of one alternative of another's variants: the rest is passed over.
template <typename Alternative, typename Variant>
class AlternativeSource final : public EventSource<Alternative>
{
public:
    explicit AlternativeSource(std::shared_ptr<EventSource<Variant>> source) : source_(std::move(source)) {}

    [[nodiscard]] std::optional<Alternative> tryTake() override
    {
        while (auto event = source_->tryTake())
            if (auto* wanted = std::get_if<Alternative>(&*event)) return std::move(*wanted);
        return std::nullopt;
    }

    [[nodiscard]] bool hasEnded() const override { return source_->hasEnded(); }
    [[nodiscard]] std::uint64_t generation() const override { return source_->generation(); }
    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) override
    {
        return source_->changedSince(seen);
    }
    [[nodiscard]] std::uint64_t dropped() const override { return source_->dropped(); }
    void close() noexcept override { source_->close(); }

private:
    std::shared_ptr<EventSource<Variant>> source_;
};

/// Events that you pull. The stream hears from the moment it is made, keeps a bounded number of events for
/// its reader, and ends when its source does. It may be read on any executor, by one reader at a time. As its
/// source it goes before the io_context of the object that gave it.
/// Letting go of it ends the listening; it unsubscribes nothing.
template <typename T>
class EventStream
{
public:
    EventStream() = default;  ///< a stream that has ended
    explicit EventStream(std::shared_ptr<EventSource<T>> source) : source_(std::move(source)) {}
    EventStream(EventStream&&) noexcept = default;
    EventStream& operator=(EventStream&& other) noexcept
    {
        close();
        source_ = std::exchange(other.source_, nullptr);
        return *this;
    }
    ~EventStream() { close(); }

    /// The next event, or nullopt once the stream has ended and all that it kept was read. What is there
    /// already is returned without suspending. The stream itself may not move, nor go, before this has ended.
    /// @throws Error with Errc::cancelled when cancelled; no event is lost: the next call gives it.
    [[nodiscard]] asio::awaitable<std::optional<T>> next()
    {
        if (!source_) co_return std::nullopt;
        auto seen = source_->generation();
        if (auto event = source_->tryTake()) co_return event;
        // Held while this waits: close() lets go of it.
        for (const auto source = source_; !source->hasEnded();)
        {
            co_await source->changedSince(seen);
            seen = source->generation();
            if (auto event = source->tryTake()) co_return event;
        }
        co_return std::nullopt;
    }

    /// The next event if it is there already. Whoever reads very many events spares a coroutine for each that
    /// is taken so, behind the one that was awaited.
    [[nodiscard]] std::optional<T> tryNext() { return source_ ? source_->tryTake() : std::nullopt; }

    /// How many events it has dropped, the oldest first, because its reader was slow; 0 once closed.
    [[nodiscard]] std::uint64_t dropped() const { return source_ ? source_->dropped() : 0; }

    /// Stops listening; what was kept is dropped, and a next() that waits gives nullopt. Harmless when
    /// repeated.
    void close() noexcept
    {
        if (const auto source = std::exchange(source_, nullptr)) source->close();
    }

    /// Only the events themselves, the first alternative of the variant: the choice not to hear of gaps.
    [[nodiscard]] auto withoutGaps() &&
        requires requires { typename std::variant_alternative_t<0, T>; }
    {
        using Event = std::variant_alternative_t<0, T>;
        if (!source_) return EventStream<Event>();
        return EventStream<Event>(
            std::make_shared<AlternativeSource<Event, T>>(std::exchange(source_, nullptr)));
    }

private:
    std::shared_ptr<EventSource<T>> source_;
};

}  // namespace strandcast
