#include "client/pending_replies.hpp"

#include <strandcast/error.hpp>

#include <utility>

namespace strandcast
{

PendingReplies::Place::Place(PendingReplies& replies, ShardExecutor executor, std::string id)
    : replies_(replies),
      id_(std::move(id)),
      ended_(executor)
{
    if (!replies_.places_.emplace(id_, this).second)
        throw Error(Errc::invalidArgument,
                    "a request with the id '" + id_ + "' waits for its answer already");
}

PendingReplies::Place::~Place()
{
    replies_.places_.erase(id_);
}

Strand<std::optional<Message>> PendingReplies::Place::answer(Clock& clock, Clock::time_point deadline,
                                                             std::string what)
{
    while (isOpen())
    {
        if (clock.now() >= deadline) throw Error(Errc::timedOut, "no answer in time to " + what);
        co_await ended_.waitUntil(clock, deadline);
    }
    if (failure_) std::rethrow_exception(failure_);
    co_return std::move(answer_);
}

bool PendingReplies::resolve(std::string_view id, Message answer)
{
    const auto found = places_.find(id);
    if (found == places_.end()) return false;
    if (found->second->isOpen()) found->second->answer_ = std::move(answer);
    found->second->ended_.notify();
    return true;
}

bool PendingReplies::reject(std::string_view id, const std::exception_ptr& failure)
{
    const auto found = places_.find(id);
    if (found == places_.end()) return false;
    if (found->second->isOpen()) found->second->failure_ = failure;
    found->second->ended_.notify();
    return true;
}

void PendingReplies::rejectAll(const Error& failure)
{
    for (const auto& [id, place] : places_)
    {
        if (place->isOpen()) place->failure_ = std::make_exception_ptr(failure);
        place->ended_.notify();
    }
}

void PendingReplies::rejectLargest(const std::exception_ptr& failure)
{
    Place* largest = nullptr;
    for (const auto& [id, place] : places_)
        if (place->isOpen() && (!largest || place->bytes_ > largest->bytes_)) largest = place;
    if (!largest) return;
    largest->failure_ = failure;
    largest->ended_.notify();
}

void PendingReplies::loseAll()
{
    for (const auto& [id, place] : places_)
    {
        if (place->isOpen()) place->isLost_ = true;
        place->ended_.notify();
    }
}

}  // namespace strandcast
