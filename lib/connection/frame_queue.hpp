#pragma once

#include "connection/queued_frame.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace strandcast
{

/// A queue of shared frames that costs an idle connection a pointer and three numbers.
class FrameQueue
{
public:
    void push(QueuedFrame frame)
    {
        if (size_ == capacity_) grow();
        slots_[place(size_)].swap(frame);
        ++size_;
    }

    /// The frame at `index`, counted from the front.
    [[nodiscard]] const QueuedFrame& operator[](std::size_t index) const noexcept
    {
        return slots_[place(index)];
    }

    /// Those behind the first, where they lie side by side; else none.
    [[nodiscard]] std::span<const QueuedFrame> behindFirst() const noexcept
    {
        if (size_ < 2 || front_ + size_ > capacity_) return {};
        return {slots_.get() + front_ + 1, size_ - 1U};
    }

    void popFront() noexcept
    {
        slots_[front_].reset();
        front_ = static_cast<std::uint32_t>(place(1));
        --size_;
    }

    void clear() noexcept
    {
        for (std::uint32_t index = 0; index < size_; ++index) slots_[place(index)].reset();
        front_ = size_ = 0;
    }

    /// Takes out the frame at `index`; those before it move up. Cheap near the front.
    QueuedFrame take(std::size_t index) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    void prefetch() const noexcept { __builtin_prefetch(slots_.get() + front_, 1); }

    /// An empty queue gives its memory back.
    void releaseIfEmpty() noexcept;

private:
    [[nodiscard]] std::size_t place(std::size_t index) const noexcept
    {
        return (front_ + index) & (capacity_ - 1);
    }
    void grow();

    std::unique_ptr<QueuedFrame[]> slots_;
    std::uint32_t capacity_ = 0;  // a power of two, or none
    std::uint32_t front_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace strandcast
