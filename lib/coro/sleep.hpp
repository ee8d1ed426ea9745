#pragma once

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

namespace strandcast
{

/// Ends when `clock` reaches `deadline`. The clock outlives the sleep.
/// @throws asio::system_error with operation_aborted when cancelled.
[[nodiscard]] Strand<> sleepUntil(Clock& clock, Clock::time_point deadline);

/// The same, `duration` from when it is first awaited.
[[nodiscard]] Strand<> sleepFor(Clock& clock, Clock::duration duration);

/// Ends only by cancellation.
[[nodiscard]] Strand<> sleepForever();

/// Lets everything else that is ready on this shard have its turn.
[[nodiscard]] Strand<> yieldTurn();

}  // namespace strandcast
