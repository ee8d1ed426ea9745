#pragma once

#include "connection/frame_queue.hpp"
#include "connection/shared_frame.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace strandcast
{

/// Bounds on what may wait for one peer.
struct OutboxLimits
{
    std::size_t maxFrames = 1'000;           ///< events
    std::size_t maxBytes = 4 * 1024 * 1024;  ///< of events; one event always fits
};

/// What waits for one peer's socket: answers, which are never dropped, and events, which are bounded. Answers
/// overtake events, so that a peer that is slow to read events still hears what became of its requests.
class Outbox
{
public:
    using Piece = std::span<const std::byte>;

    /// Where answers are appended, as whole frames.
    [[nodiscard]] std::string& answers() noexcept { return answers_; }

    void pushEvent(SharedFrame frame);

    /// Whether one more event of `size` bytes would cross the limits.
    [[nodiscard]] bool isFullFor(std::size_t size, const OutboxLimits& limits) const noexcept;

    /// The same, but for events without a topic: the ends of replays, which are few and always arrive.
    [[nodiscard]] SharedFrame takeOldestDroppable() noexcept;

    /// Takes out the oldest event that has not begun to leave; an empty frame where there is none.
    [[nodiscard]] SharedFrame takeOldestEvent() noexcept;

    /// Fills `pieces` with what leaves next, in order, and tells how many there are.
    [[nodiscard]] std::size_t gather(std::span<Piece> pieces) const noexcept;

    /// `size` bytes of what was gathered have left.
    void consume(std::size_t size) noexcept;

    [[nodiscard]] bool empty() const noexcept { return answersLeft() == 0 && events_.empty(); }
    [[nodiscard]] std::size_t answersLeft() const noexcept { return answers_.size() - answersSent_; }
    [[nodiscard]] std::size_t eventsLeft() const noexcept { return events_.size(); }
    [[nodiscard]] std::size_t eventBytes() const noexcept { return eventBytes_; }

    /// An empty outbox gives its memory back.
    void releaseIfEmpty() noexcept;

private:
    [[nodiscard]] SharedFrame takeEvent(std::size_t index) noexcept;
    void consumeAnswers(std::size_t& size) noexcept;
    void consumeEvent(std::size_t& size) noexcept;
    [[nodiscard]] bool eventBegun() const noexcept { return eventSent_ > 0; }

    std::string answers_;
    std::size_t answersSent_ = 0;
    FrameQueue events_;
    std::size_t eventSent_ = 0;  // of the first event
    std::size_t eventBytes_ = 0;
};

}  // namespace strandcast
