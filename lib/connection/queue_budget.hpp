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

    [[nodiscard]] QueuedFrame holdAnother(const SharedFrame& frame);

    std::size_t maxBytes_;
    std::size_t usedBytes_ = 0;
    QueuedFrame::Block* last_ = nullptr;
};

}  // namespace strandcast
