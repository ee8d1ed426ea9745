#include "connection/frame_queue.hpp"

#include <utility>

namespace strandcast
{

QueuedFrame FrameQueue::take(std::size_t index) noexcept
{
    QueuedFrame taken = slots_[place(index)];
    for (; index > 0; --index) slots_[place(index)] = std::move(slots_[place(index - 1)]);
    popFront();
    return taken;
}

void FrameQueue::releaseIfEmpty() noexcept
{
    if (size_ > 0) return;
    slots_.reset();
    capacity_ = 0;
    front_ = 0;
}

void FrameQueue::grow()
{
    const std::uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
    auto slots = std::make_unique<QueuedFrame[]>(capacity);
    for (std::uint32_t index = 0; index < size_; ++index) slots[index] = std::move(slots_[place(index)]);
    slots_ = std::move(slots);
    capacity_ = capacity;
    front_ = 0;
}

}  // namespace strandcast
