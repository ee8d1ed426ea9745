#include <strandcast/clock.hpp>

#include <chrono>
#include <time.h>

namespace strandcast
{

namespace
{

class SystemClock final : public Clock
{
public:
    [[nodiscard]] time_point now() const noexcept override { return std::chrono::steady_clock::now(); }

    // The same clock as steady_clock's, as of the kernel's last tick.
    [[nodiscard]] time_point coarseNow() const noexcept override
    {
        ::timespec time{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
        return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    }

    [[nodiscard]] std::chrono::system_clock::time_point systemNow() const noexcept override
    {
        return std::chrono::system_clock::now();
    }

    void arm(Timer& timer, time_point deadline) override { timer.expires_at(deadline); }
};

}  // namespace

Clock& Clock::system() noexcept
{
    static SystemClock clock;
    return clock;
}

}  // namespace strandcast
