#include "server/handshake_deadlines.hpp"

#include <utility>

namespace strandcast
{

HandshakeDeadlines::Membership::Membership(std::shared_ptr<HandshakeDeadlines> deadlines,
                                           Transport& transport, Clock::time_point deadline)
    : deadlines_(std::move(deadlines)),
      entry_(deadlines_->entries_.insert(deadlines_->entries_.end(), Entry{transport, deadline}))
{
    // Later ones have later deadlines: only a watch that waits for none must hear of it.
    if (deadlines_->next_ == Clock::time_point::max()) deadlines_->changed_.notify();
}

HandshakeDeadlines::Membership::~Membership()
{
    deadlines_->entries_.erase(entry_);
}

Strand<> HandshakeDeadlines::watch(std::shared_ptr<HandshakeDeadlines> deadlines)
{
    for (;;)
    {
        // An entry that has expired leaves when its strand unwinds; there is nothing more to do for it.
        const auto now = deadlines->clock_.now();
        deadlines->next_ = Clock::time_point::max();
        for (Entry& entry : deadlines->entries_)
        {
            if (entry.expired) continue;
            if (entry.deadline > now)
            {
                deadlines->next_ = entry.deadline;
                break;
            }
            entry.expired = true;
            entry.transport.close();
        }
        co_await deadlines->changed_.waitUntil(deadlines->clock_, deadlines->next_);
    }
}

void HandshakeDeadlines::expireAll() noexcept
{
    for (Entry& entry : entries_)
        if (!std::exchange(entry.expired, true)) entry.transport.close();
}

}  // namespace strandcast
