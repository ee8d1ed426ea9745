#pragma once

#include <atomic>
#include <memory>

namespace strandcast
{

/// What the connection layer keeps with an entry of the log: opaque there. Set once, by whichever thread is
/// first, and from then on read by all.
class FrameSlot
{
public:
    /// What is kept.
    struct Content
    {
        virtual ~Content() = default;
    };

    FrameSlot() = default;
    FrameSlot(const FrameSlot&) = delete;
    FrameSlot& operator=(const FrameSlot&) = delete;
    ~FrameSlot() { delete content_.load(std::memory_order_relaxed); }

    [[nodiscard]] const Content* get() const noexcept { return content_.load(std::memory_order_acquire); }

    /// Keeps `content`, unless another came first, and gives what is kept.
    const Content& set(std::unique_ptr<const Content> content) const noexcept
    {
        const Content* kept = nullptr;
        if (content_.compare_exchange_strong(kept, content.get(), std::memory_order_acq_rel))
            return *content.release();
        return *kept;
    }

private:
    mutable std::atomic<const Content*> content_ = nullptr;
};

}  // namespace strandcast
