#include "connection/flush_queue.hpp"

#include "connection/peer_connection.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <utility>

namespace strandcast
{

FlushQueue::FlushQueue(ShardExecutor executor) : executor_(executor), turn_(std::make_shared<Turn>()) {}

FlushQueue::~FlushQueue()
{
    turn_->closed = true;
}

void FlushQueue::push(PeerConnection& connection)
{
    turn_->waiting.push_back(&connection);
    if (std::exchange(turn_->posted, true)) return;
    // Behind everything that is ready now: what those handlers queue leaves with it.
    asio::post(executor_, [turn = turn_] { turn->run(); });
}

void FlushQueue::erase(const PeerConnection& connection) noexcept
{
    std::erase(turn_->waiting, &connection);
    std::replace(turn_->flushing.begin(), turn_->flushing.end(), const_cast<PeerConnection*>(&connection),
                 static_cast<PeerConnection*>(nullptr));
}

void FlushQueue::Turn::run()
{
    posted = false;
    if (closed) return;
    std::swap(waiting, flushing);
    for (std::size_t index = 0; index < flushing.size(); ++index)
    {
        // With many connections they lie in memory that no cache holds.
        if (index + 4 < flushing.size() && flushing[index + 4]) flushing[index + 4]->prefetch();
        if (index + 2 < flushing.size() && flushing[index + 2]) flushing[index + 2]->prefetchFurther();
        if (PeerConnection* connection = flushing[index]) connection->flush();
    }
    flushing.clear();
    batch.clear();
}

}  // namespace strandcast
