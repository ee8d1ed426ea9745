#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <list>
#include <memory>

namespace strandcast
{

/// The transports whose upgrade is under way. All have the same time for it, so they stand in the order of
/// their deadlines, and one strand watches over all of them.
class HandshakeDeadlines
{
    struct Entry
    {
        Transport& transport;
        Clock::time_point deadline;
        bool expired = false;
    };

public:
    /// A place in the list, from the accept to the end of the upgrade.
    class Membership
    {
    public:
        Membership(std::shared_ptr<HandshakeDeadlines> deadlines, Transport& transport,
                   Clock::time_point deadline);
        Membership(const Membership&) = delete;
        Membership& operator=(const Membership&) = delete;
        ~Membership();

        /// Whether the transport was closed because its time was over.
        [[nodiscard]] bool expired() const noexcept { return entry_->expired; }

    private:
        std::shared_ptr<HandshakeDeadlines> deadlines_;
        std::list<Entry>::iterator entry_;
    };

    HandshakeDeadlines(ShardExecutor executor, Clock& clock) : clock_(clock), changed_(executor) {}

    /// Closes each transport whose deadline passes, as long as it is not cancelled.
    [[nodiscard]] static Strand<> watch(std::shared_ptr<HandshakeDeadlines> deadlines);

    /// Closes all of them now.
    void expireAll() noexcept;

private:
    Clock& clock_;
    std::list<Entry> entries_;
    Clock::time_point next_ = Clock::time_point::max();
    Signal changed_;
};

}  // namespace strandcast
