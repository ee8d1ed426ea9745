#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace strandcast
{

/// A bound on connections that are no clients yet: whose upgrade is under way, who have not authenticated
/// where they must, or who are being turned away. At it nobody is accepted: who comes waits in the system's
/// own backlog, and is served when its turn comes, so that a thousand clients that come back at once are not
/// refused. Taken where connections are accepted, given back on any thread.
class HandshakeSlots
{
public:
    /// One connection's place.
    class Slot
    {
    public:
        explicit Slot(std::shared_ptr<HandshakeSlots> slots) : slots_(std::move(slots)) { ++slots_->taken_; }
        Slot(Slot&&) noexcept = default;
        Slot& operator=(Slot&&) = delete;
        ~Slot() { release(); }

        void release() noexcept
        {
            if (const auto slots = std::exchange(slots_, nullptr)) slots->giveBack(slots);
        }

    private:
        std::shared_ptr<HandshakeSlots> slots_;
    };

    HandshakeSlots(ShardExecutor acceptor, Clock& clock, std::size_t most)
        : executor_(acceptor),
          clock_(clock),
          most_(most == 0 ? 1 : most),
          freed_(acceptor)
    {
    }

    /// Ends when there is a place. One waits at a time, on the acceptor's shard.
    [[nodiscard]] static Strand<> waitForOne(std::shared_ptr<HandshakeSlots> slots);

private:
    void giveBack(const std::shared_ptr<HandshakeSlots>& self) noexcept;

    const ShardExecutor executor_;
    Clock& clock_;
    const std::size_t most_;
    std::atomic<std::size_t> taken_ = 0;
    Signal freed_;
};

}  // namespace strandcast
