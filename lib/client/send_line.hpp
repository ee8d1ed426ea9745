#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

#include <cstddef>
#include <cstdint>
#include <map>

namespace strandcast
{

/// Those who wait until the connection takes more, or until there is one, in the order of their tickets: a
/// message never overtakes one that was asked for before it, even where it has to be sent again.
class SendLine
{
public:
    using Ticket = std::uint64_t;

    /// One sender's place, until it may send or gives up. Whoever leaves lets the next one look.
    class Place
    {
    public:
        /// No other place has this ticket.
        Place(SendLine& line, ShardExecutor executor, Ticket ticket);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        [[nodiscard]] bool isFirst() const noexcept { return line_.places_.begin() == self_; }

        /// Ends when there is something to look at, or at `deadline`.
        [[nodiscard]] Strand<> wait(Clock& clock, Clock::time_point deadline);

    private:
        friend class SendLine;

        SendLine& line_;
        Signal woken_;
        std::map<Ticket, Place*>::iterator self_;
    };

    [[nodiscard]] Ticket nextTicket() noexcept { return ++lastTicket_; }
    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
    void wakeFirst() noexcept;
    void wakeAll() noexcept;

private:
    std::map<Ticket, Place*> places_;
    Ticket lastTicket_ = 0;
};

}  // namespace strandcast
