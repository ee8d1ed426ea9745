#include "client/send_line.hpp"

namespace strandcast
{

SendLine::Place::Place(SendLine& line, ShardExecutor executor)
    : line_(line),
      woken_(executor),
      self_(line.places_.insert(line.places_.end(), this))
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
    if (!places_.empty()) places_.front()->woken_.notify();
}

void SendLine::wakeAll() noexcept
{
    for (auto* place : places_) place->woken_.notify();
}

}  // namespace strandcast
