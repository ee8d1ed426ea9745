#pragma once

#include <strandcast/strand.hpp>

#include <asio/basic_waitable_timer.hpp>
#include <asio/wait_traits.hpp>

#include <chrono>

namespace strandcast
{

/// The timer on which the strands of a shard wait.
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, ShardExecutor>;

/// Where all time comes from: deadlines and intervals from now(), the timestamps in messages from
/// systemNow(). A simulation gives one of its own. A clock outlives everything that was given it; it is asked
/// from every shard's thread.
class Clock
{
public:
    using time_point = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    virtual ~Clock() = default;

    /// Never goes back.
    [[nodiscard]] virtual time_point now() const noexcept = 0;

    /// now(), or about a tick of the kernel's before it, which is ten milliseconds at most: for what is noted
    /// with each message and looked at after seconds, because a machine's exact time costs four times as
    /// much.
    [[nodiscard]] virtual time_point coarseNow() const noexcept { return now(); }

    [[nodiscard]] virtual std::chrono::system_clock::time_point systemNow() const noexcept = 0;

    /// Makes `timer` end the waits on it not before now() reaches `deadline`; those begun earlier end at
    /// once. A waiter asks now() when it wakes, so a wake-up too many does no harm.
    virtual void arm(Timer& timer, time_point deadline) = 0;

    /// The timer is not waited on any more: a clock that remembers timers forgets this one.
    virtual void disarm(Timer& timer) noexcept { static_cast<void>(timer); }

    /// The machine's own.
    [[nodiscard]] static Clock& system() noexcept;
};

}  // namespace strandcast
