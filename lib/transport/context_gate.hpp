#pragma once

#include <asio/execution_context.hpp>
#include <asio/post.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace strandcast
{

/// The way into an io_context for a thread that nobody waits for, and that may come when the io_context is
/// being destroyed: Asio empties its queue without a lock then, and frames are still about to go. Thread
/// rules: of() on a thread of the io_context, post() on any, at any time.
class ContextGate
{
public:
    ContextGate() = default;
    ContextGate(const ContextGate&) = delete;
    ContextGate& operator=(const ContextGate&) = delete;

    /// The gate of an io_context; it closes before anything of the io_context is destroyed.
    [[nodiscard]] static std::shared_ptr<ContextGate> of(asio::execution_context& context);

    /// Posts `work` to `executor`, which is one of the io_context, or drops it where the gate is closed.
    template <typename Executor, typename Work>
    void post(const Executor& executor, Work work)
    {
        const std::lock_guard lock(mutex_);
        // Under the lock: as long as it is open, the io_context is whole.
        if (isOpen_) asio::post(executor, std::move(work));
    }

    /// Nothing is posted from now on. Waits for a post() under way.
    void close() noexcept
    {
        const std::lock_guard lock(mutex_);
        isOpen_ = false;
    }

private:
    std::mutex mutex_;
    bool isOpen_ = true;
};

}  // namespace strandcast
