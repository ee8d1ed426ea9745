#pragma once

#include "client/byte_queue.hpp"
#include "client/event_view.hpp"
#include "coro/change_signal.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/ws_client.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace strandcast
{

/// What a stream of events holds for its reader. The client's shard pushes, a reader on any thread takes. The
/// events lie here as bytes, and become messages when they are taken: on the reader's thread, and without
/// memory of their own for as long as they wait.
///
/// It is bounded in events and in bytes; one always fits. A full queue drops its oldest, and a Gap stands in
/// their place.
class DeliveryQueue final : public EventSource<Delivery>
{
public:
    DeliveryQueue(ShardExecutor executor, std::size_t capacity, std::size_t maxBytes);

    // On the shard's thread; false where the reader has gone, so that nobody need push any more.

    /// Who waits for it is resumed by the next wakeReader().
    bool push(const EventView& event);
    bool push(const Gap& gap);
    bool push(Resumed resumed);

    /// Whether somebody waits whom nobody has noted to be woken yet; the next waking forgets the note.
    [[nodiscard]] bool isReaderToBeNoted() const noexcept { return !isNoted_ && changed_.isAwaited(); }
    void noteReader() noexcept { isNoted_ = true; }
    /// Resumes who waits: there and then, or in a later turn. See ChangeSignal::wake().
    void wakeReader();
    void wakeReaderLater();

    /// No event comes any more; what is there can still be read. On the shard's thread.
    void end();

    /// Whether the reader has gone.
    [[nodiscard]] bool isClosed() const;

    [[nodiscard]] std::optional<Delivery> tryTake() override;
    [[nodiscard]] bool hasEnded() const override;
    [[nodiscard]] std::uint64_t generation() const override { return changed_.counted(); }
    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) override
    {
        return changed_.changedSince(seen);
    }
    [[nodiscard]] std::uint64_t dropped() const override;
    void close() noexcept override;

private:
    struct Piece;

    enum class Kept : std::uint8_t
    {
        yes,
        ended,
        closed,
    };

    [[nodiscard]] bool pushAndWake(const Piece& piece);
    template <typename Write>
    [[nodiscard]] Kept keep(std::size_t size, Write write);
    [[nodiscard]] const Piece& front() const noexcept;
    void removeFront() noexcept;
    void dropOldest();
    void mergeIntoGap(const Piece& dropped);

    ChangeSignal changed_;
    bool isNoted_ = false;  // the shard's
    const std::size_t capacity_;
    const std::size_t maxBytes_;
    mutable std::mutex mutex_;  // of all that follows
    ByteQueue pieces_;
    std::size_t count_ = 0;       // of them
    std::size_t bytes_ = 0;       // of them
    std::optional<Gap> inPlace_;  // of those that were dropped
    std::uint64_t dropped_ = 0;
    // Written under the mutex; who asks whether it has ended, as a reader does each time that it waits, needs
    // none as long as it has not.
    std::atomic<bool> closed_ = false;
    std::atomic<bool> ended_ = false;
};

}  // namespace strandcast
