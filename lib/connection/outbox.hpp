#pragma once

#include "connection/frame_batch.hpp"
#include "connection/frame_queue.hpp"
#include "connection/queued_frame.hpp"

#include <strandcast/backpressure.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// Bounds on what may wait for one peer.
struct OutboxLimits
{
    std::size_t maxFrames = 1'000;           ///< events
    std::size_t maxBytes = 4 * 1024 * 1024;  ///< of events; one event always fits
    Backpressure policy = Backpressure::dropOldest;
};

/// What waits for one peer's socket: answers, which are never dropped, and events, which are bounded. Answers
/// overtake events, so that a peer that is slow to read events still hears what became of its requests.
class Outbox
{
public:
    using Piece = std::span<const std::byte>;

    /// Where answers are appended, as whole frames.
    [[nodiscard]] std::string& answers() noexcept { return answers_; }

    /// `isDistinct`: takeSuperseded() was asked right before, for its topic.
    [[gnu::always_inline]] void pushEvent(QueuedFrame frame, bool isDistinct = false)
    {
        const auto size = frame.bytes().size();
        const bool kept = isKept(frame);
        events_.push(std::move(frame));
        eventBytes_ += size;
        if (kept) countKept(events_[events_.size() - 1], 1);
        distinct_ = isDistinct;
    }

    /// Whether this event is the last one that waits.
    [[nodiscard]] bool endsWith(const QueuedFrame& frame) const noexcept
    {
        return !events_.empty() && events_[events_.size() - 1].isSameAs(frame);
    }

    /// Whether one more event of `size` bytes would cross the limits.
    [[nodiscard]] bool isFullFor(std::size_t size, const OutboxLimits& limits) const noexcept
    {
        if (events_.empty()) return false;
        return events_.size() >= limits.maxFrames || eventBytes_ + size > limits.maxBytes;
    }

    // What takes an event out takes none that has begun to leave, and gives an empty frame where there is
    // none else. Events without a topic, the ends of replays, are few and are not dropped to make room.
    [[nodiscard]] QueuedFrame takeOldestDroppable() noexcept;
    [[nodiscard]] QueuedFrame takeNewestDroppable() noexcept;
    [[nodiscard]] QueuedFrame takeOldestEvent() noexcept;  ///< whatever it is
    /// Takes out what an event on `topic` leaves behind, the oldest first: of those that wait the newest of
    /// each topic stays, and of this topic none.
    [[nodiscard]] std::vector<QueuedFrame> takeSuperseded(std::string_view topic);

    /// Takes out the oldest event, also one that has begun to leave: nothing leaves any more.
    [[nodiscard]] QueuedFrame takeLostEvent() noexcept;

    /// Fills `pieces` with what leaves next, in order, and tells how many there are.
    [[nodiscard]] std::size_t gather(std::span<Piece> pieces) const noexcept;

    /// The same, with `batch` for what others were sent as well. The first frame stays a piece of its own
    /// (see holdBack()).
    [[nodiscard]] std::size_t gather(std::span<Piece> pieces, FrameBatch& batch) const
    {
        if (answersLeft() > 0 || eventBegun()) return gather(pieces);
        const auto joined = batch.join(events_.behindFirst());
        if (joined.empty()) return gather(pieces);
        pieces[0] = events_[0].bytes();
        pieces[1] = joined;
        return 2;
    }

    /// What was gathered did not leave: its first piece is the first of what is gathered next (the contract
    /// of Transport::tryWrite()).
    void holdBack() noexcept;

    /// `size` bytes of what was gathered have left.
    void consume(std::size_t size) noexcept;

    [[nodiscard]] bool empty() const noexcept { return answersLeft() == 0 && events_.empty(); }
    [[nodiscard]] std::size_t answersLeft() const noexcept { return answers_.size() - answersSent_; }
    [[nodiscard]] std::size_t eventsLeft() const noexcept { return events_.size(); }
    [[nodiscard]] std::size_t eventBytes() const noexcept { return eventBytes_; }
    /// Of those that may be dropped to make room.
    [[nodiscard]] std::size_t droppableBytes() const noexcept;
    /// Those without a topic, which may not.
    [[nodiscard]] std::size_t keptEvents() const noexcept { return kept_; }

    void prefetch() const noexcept { events_.prefetch(); }

    /// An empty outbox gives its memory back.
    void releaseIfEmpty() noexcept;

private:
    void consumeAll() noexcept;
    void consumeAnswers(std::size_t& size) noexcept;
    void consumeEvent(std::size_t& size) noexcept;
    [[nodiscard]] bool eventBegun() const noexcept { return eventSent_ > 0 || eventHeldBack_; }
    [[nodiscard]] std::size_t firstWaiting() const noexcept { return eventBegun() ? 1 : 0; }
    [[nodiscard]] static bool isKept(const QueuedFrame& frame) noexcept { return !frame.hasTopic(); }
    void countKept(const QueuedFrame& frame, int change) noexcept;
    [[nodiscard]] QueuedFrame takeEvent(std::size_t index) noexcept;
    [[nodiscard]] std::vector<std::size_t> superseded(std::string_view topic) const;
    [[nodiscard]] std::vector<std::size_t> onlyAbout(std::string_view topic) const;

    std::string answers_;
    std::size_t answersSent_ = 0;
    FrameQueue events_;
    std::size_t eventSent_ = 0;  // of the first event
    std::size_t eventBytes_ = 0;
    std::size_t keptBytes_ = 0;
    std::uint32_t kept_ = 0;
    bool eventHeldBack_ = false;  // the first event was presented, and not taken
    bool distinct_ = false;       // those that wait are known to be on different topics
};

}  // namespace strandcast
