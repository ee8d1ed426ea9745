#include "client/send_line.hpp"

namespace strandcast
{

SendLine::Place::Place(SendLine& line, ShardExecutor executor, Ticket ticket)
    : line_(line),
      woken_(executor),
      self_(line.places_.emplace(ticket, this).first)
{
}

SendLine::Place::~Place()
{
    line_.places_.erase(self_);
    line_.wakeFirst();
}

Strand<> SendLine::Place::wait(Clock& clock, Clock::time_point deadline)
{
    return woken_.waitUntil(clock, deadline);
}

void SendLine::wakeFirst() noexcept
{
    if (!places_.empty()) places_.begin()->second->woken_.notify();
}

void SendLine::wakeAll() noexcept
{
    for (const auto& [ticket, place] : places_) place->woken_.notify();
}

}  // namespace strandcast
