#pragma once

#include <strandcast/clock.hpp>

#include <algorithm>
#include <chrono>

namespace strandcast
{

/// Longer than any process runs, and short enough to calculate with.
inline constexpr std::chrono::milliseconds longestInterval = std::chrono::hours(24 * 365);

/// An interval that an application gave, however absurd, as one that can be calculated with: from nothing to
/// longestInterval.
[[nodiscard]] constexpr std::chrono::milliseconds boundedInterval(std::chrono::milliseconds interval) noexcept
{
    return std::clamp(interval, std::chrono::milliseconds(0), longestInterval);
}

/// When a timeout that begins now is over: never where it is 0, at once where it is negative.
[[nodiscard]] inline Clock::time_point deadlineAfter(const Clock& clock, std::chrono::milliseconds timeout)
{
    if (timeout.count() == 0 || timeout >= longestInterval) return Clock::time_point::max();
    return clock.now() + boundedInterval(timeout);
}

}  // namespace strandcast
