#pragma once

#include <strandcast/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <ratio>

/// A clock that stands still until the test moves it. Its coarse time goes by ticks of ten milliseconds.
class FakeClock final : public strandcast::Clock
{
public:
    [[nodiscard]] time_point now() const noexcept override { return now_; }

    [[nodiscard]] time_point coarseNow() const noexcept override
    {
        return std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<1, 100>>>(now_);
    }

    [[nodiscard]] std::chrono::system_clock::time_point systemNow() const noexcept override
    {
        return systemNow_;
    }

    void arm(strandcast::Timer& timer, time_point deadline) override
    {
        armed_[&timer] = deadline;
        timer.expires_at(deadline <= now_ ? time_point::min() : time_point::max());
    }

    void disarm(strandcast::Timer& timer) noexcept override { armed_.erase(&timer); }

    /// Time passes; who waited for a moment that has come wakes in the next turns.
    void advance(duration time)
    {
        now_ += time;
        systemNow_ += std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
        for (auto& [timer, deadline] : armed_)
            if (deadline <= now_) timer->cancel();
    }

    /// How many wait for a moment.
    [[nodiscard]] std::size_t armed() const noexcept { return armed_.size(); }

private:
    time_point now_{std::chrono::hours(1000)};
    std::chrono::system_clock::time_point systemNow_{std::chrono::seconds(1'700'000'000)};
    std::map<strandcast::Timer*, time_point> armed_;
};
