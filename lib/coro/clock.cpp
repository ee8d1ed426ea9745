#include <strandcast/clock.hpp>

namespace strandcast
{

namespace
{

class SystemClock final : public Clock
{
public:
    [[nodiscard]] time_point now() const noexcept override { return std::chrono::steady_clock::now(); }

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
