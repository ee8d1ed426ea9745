#pragma once

#include "connection/flush_queue.hpp"
#include "connection/queue_budget.hpp"
#include "coro/signal.hpp"
#include "coro/task_group.hpp"
#include "websocket/deflater.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/random.hpp>
#include <strandcast/strand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace strandcast
{

class PeerConnection;

/// What the connections of one thread share: its executor, the seams of time and chance, the one buffer that
/// all are read into, the queue of those to be flushed, and one sweep over their deadlines. Used on its
/// thread alone, but for executor().
class Shard
{
public:
    /// `maxQueuedBytes` is for the events that wait in all queues of its connections.
    Shard(ShardExecutor executor, Clock& clock, Random& random,
          std::size_t maxQueuedBytes = std::numeric_limits<std::size_t>::max());
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }
    [[nodiscard]] Clock& clock() const noexcept { return clock_; }
    [[nodiscard]] Random& random() const noexcept { return random_; }

    /// For one read at a time, whose bytes are used up before the next suspension.
    [[nodiscard]] std::span<std::byte> readBuffer() noexcept { return {readBuffer_.get(), readBufferSize}; }

    /// For one write at a time.
    [[nodiscard]] std::span<std::span<const std::byte>> pieces() noexcept { return pieces_; }

    [[nodiscard]] FlushQueue& flushQueue() noexcept { return flushQueue_; }

    [[nodiscard]] QueueBudget& budget() noexcept { return budget_; }

    /// An event was queued: where all queues together are over their budget now, the fullest ones feel their
    /// policy, until there is room again.
    void keepBudget()
    {
        if (budget_.isExceeded()) shrinkFullest();
    }

    /// What compresses for all connections that agreed to `context`, in which no message refers to another.
    /// All of a shard have the same options.
    [[nodiscard]] Deflater& sharedDeflater(const DeflateContext& context, const DeflateOptions& options);

    /// The strands that connections start and wait for.
    [[nodiscard]] TaskGroup& tasks() noexcept { return tasks_; }

    /// The connection is swept from now on, about every `interval` or more often. Gives its place, for
    /// remove().
    [[nodiscard]] std::size_t add(PeerConnection& connection, Clock::duration interval);
    void remove(std::size_t place) noexcept;

    /// Lets every connection look at its deadlines, in turns, as long as it is not cancelled. The owner of a
    /// shard runs it once; it owns the shard meanwhile.
    [[nodiscard]] static Strand<> sweep(std::shared_ptr<Shard> shard);

private:
    void shrinkFullest();

    static constexpr std::size_t readBufferSize = 64 * 1024;
    // More in one system call gain nothing.
    static constexpr std::size_t maxPiecesPerWrite = 128;

    ShardExecutor executor_;
    Clock& clock_;
    Random& random_;
    std::unique_ptr<std::byte[]> readBuffer_;
    std::array<std::span<const std::byte>, maxPiecesPerWrite> pieces_;
    FlushQueue flushQueue_;
    QueueBudget budget_;
    std::vector<std::unique_ptr<Deflater>> deflaters_;  // one for each window that was agreed on
    TaskGroup tasks_;
    std::vector<PeerConnection*> connections_;
    Clock::duration sweepInterval_ = Clock::duration::max();
    Signal swept_;
};

}  // namespace strandcast
