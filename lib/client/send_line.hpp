#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

#include <list>

namespace strandcast
{

/// Those who wait until the connection takes more, in the order in which they came: a message never overtakes
/// one that was sent before it.
class SendLine
{
public:
    /// One sender's place, until it may send or gives up. Whoever leaves lets the next one look.
    class Place
    {
    public:
        Place(SendLine& line, ShardExecutor executor);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        [[nodiscard]] bool isFirst() const noexcept { return line_.places_.front() == this; }

        /// Ends when there is something to look at, or at `deadline`.
        [[nodiscard]] Strand<> wait(Clock& clock, Clock::time_point deadline);

    private:
        friend class SendLine;

        SendLine& line_;
        Signal woken_;
        std::list<Place*>::iterator self_;
    };

    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
    void wakeFirst() noexcept;
    void wakeAll() noexcept;

private:
    std::list<Place*> places_;
};

}  // namespace strandcast
