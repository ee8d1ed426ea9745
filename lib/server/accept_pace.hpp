#pragma once

#include <strandcast/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace strandcast
{

/// How fast connections are let in: after a second of rest so many at once as in a second, and then one after
/// the other. Used on the acceptor's thread alone.
class AcceptPace
{
public:
    /// None is as fast as they come; below 1 is 1.
    explicit AcceptPace(std::optional<std::size_t> perSecond)
    {
        if (!perSecond) return;
        const auto most = static_cast<std::size_t>(Clock::duration(std::chrono::seconds(1)).count());
        const auto each = std::clamp<std::size_t>(*perSecond, 1, most);
        interval_ = Clock::duration(std::chrono::seconds(1)) / static_cast<Clock::duration::rep>(each);
    }

    /// When the next one may be let in; in the past where it may now.
    [[nodiscard]] Clock::time_point next() const noexcept
    {
        return due_ - std::chrono::seconds(1) + interval_;
    }

    /// One has been let in.
    void took(Clock::time_point now) noexcept { due_ = std::max(due_, now) + interval_; }

    [[nodiscard]] bool isLimited() const noexcept { return interval_ != Clock::duration::zero(); }

private:
    Clock::duration interval_ = Clock::duration::zero();
    Clock::time_point due_{};  // by when all that were let in would have been, one after the other
};

}  // namespace strandcast
