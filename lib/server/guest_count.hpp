#pragma once

#include "coro/signal.hpp"

#include <strandcast/strand.hpp>

#include <cstddef>

namespace strandcast
{

/// How many clients are served: what waits for the last of them. Used on its shard's thread alone.
class GuestCount
{
public:
    /// One client's, as long as it is served. The count outlives it.
    class Place
    {
    public:
        explicit Place(GuestCount& count) noexcept : count_(count) { ++count_.present_; }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place()
        {
            if (--count_.present_ == 0) count_.gone_.notify();
        }

    private:
        GuestCount& count_;
    };

    explicit GuestCount(ShardExecutor executor) : gone_(executor) {}

    [[nodiscard]] bool isNone() const noexcept { return present_ == 0; }

    /// Ends when there is none, or was for a moment.
    [[nodiscard]] Strand<> waitForNone()
    {
        while (present_ > 0) co_await gone_.wait();
    }

private:
    std::size_t present_ = 0;
    Signal gone_;
};

}  // namespace strandcast
