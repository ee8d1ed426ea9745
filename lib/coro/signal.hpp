#pragma once

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

#include <utility>

namespace strandcast
{

/// A condition variable of one shard: who waits loops on a condition of its own, who changes it calls
/// notify(). Nothing is remembered for a later wait. Used on its shard's thread alone.
class Signal
{
public:
    explicit Signal(ShardExecutor executor);

    /// Wakes all who wait now.
    void notify() noexcept;

    /// Ends at the next notify(). A wake-up too many is possible.
    /// @throws asio::system_error with operation_aborted when cancelled.
    [[nodiscard]] Strand<> wait();

    /// Calls `notified` at the next notify(), in a later turn.
    template <typename Notified>
    void whenNotified(Notified notified)
    {
        timer_.async_wait([notified = std::move(notified)](asio::error_code) { notified(); });
    }

    /// Ends at the next notify(), or when `clock` reaches `deadline`; the caller asks the clock which it was.
    /// One waits with a deadline at a time.
    /// @throws asio::system_error with operation_aborted when cancelled.
    [[nodiscard]] Strand<> waitUntil(Clock& clock, Clock::time_point deadline);

private:
    Timer timer_;
};

}  // namespace strandcast
