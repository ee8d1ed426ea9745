#pragma once

#include "connection/queued_frame.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace strandcast
{

/// A queue of shared frames that costs an idle connection a pointer and three numbers.
class FrameQueue
{
public:
    void push(QueuedFrame frame);

    /// The frame at `index`, counted from the front.
    [[nodiscard]] const QueuedFrame& operator[](std::size_t index) const noexcept
    {
        return slots_[place(index)];
    }

    void popFront() noexcept;

    /// Takes out the frame at `index`; those before it move up. Cheap near the front.
    QueuedFrame take(std::size_t index) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

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
