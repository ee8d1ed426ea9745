#pragma once

#include "connection/queued_frame.hpp"

#include <cstddef>

namespace strandcast
{

/// What waits in all queues of a shard together. It outlives them.
class QueueBudget
{
public:
    explicit QueueBudget(std::size_t maxBytes) : maxBytes_(maxBytes) {}
    QueueBudget(const QueueBudget&) = delete;
    QueueBudget& operator=(const QueueBudget&) = delete;
    ~QueueBudget();

    /// The frame as queues hold it; the same one for all subscribers to which it goes in a row.
    [[nodiscard]] QueuedFrame hold(const SharedFrame& frame)
    {
        if (!last_ || !last_->frame.isSameAs(frame)) return holdAnother(frame);
        ++last_->references;
        return QueuedFrame(last_);
    }

    [[nodiscard]] std::size_t usedBytes() const noexcept { return usedBytes_; }
    [[nodiscard]] std::size_t maxBytes() const noexcept { return maxBytes_; }
    [[nodiscard]] bool hasRoomFor(std::size_t bytes) const noexcept
    {
        return usedBytes_ + bytes <= maxBytes_;
    }
    [[nodiscard]] bool isExceeded() const noexcept { return usedBytes_ > maxBytes_; }

private:
    friend class QueuedFrame;

    // As many as a busy turn publishes: so many frames are queued without asking for memory.
    static constexpr std::size_t maxFree = 64;

    [[nodiscard]] QueuedFrame holdAnother(const SharedFrame& frame);
    void free(QueuedFrame::Block& block) noexcept;

    std::size_t maxBytes_;
    std::size_t usedBytes_ = 0;
    QueuedFrame::Block* last_ = nullptr;
    QueuedFrame::Block* free_ = nullptr;
    std::size_t freeCount_ = 0;
};

}  // namespace strandcast
