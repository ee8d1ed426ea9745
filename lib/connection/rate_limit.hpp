#pragma once

#include <strandcast/clock.hpp>

#include <chrono>
#include <cstddef>

namespace strandcast
{

/// So many messages in each window of time, counted from the first message.
class RateLimit
{
public:
    /// Counts a message that arrives at `now` and tells whether it is within the limit.
    [[nodiscard]] bool admit(Clock::time_point now, std::size_t maxMessages, Clock::duration window) noexcept
    {
        if (now - windowStart_ >= window || admitted_ == 0)
        {
            windowStart_ = now;
            admitted_ = 0;
        }
        if (admitted_ >= maxMessages) return false;
        ++admitted_;
        return true;
    }

    /// When one that was refused at `now` would be within it again.
    [[nodiscard]] Clock::duration untilNext(Clock::time_point now, Clock::duration window) const noexcept
    {
        return windowStart_ + window - now;
    }

private:
    Clock::time_point windowStart_{};
    std::size_t admitted_ = 0;
};

}  // namespace strandcast
