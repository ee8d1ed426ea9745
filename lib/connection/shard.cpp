#include "connection/shard.hpp"

#include "connection/peer_connection.hpp"

#include <algorithm>

namespace strandcast
{

Shard::Shard(ShardExecutor executor, Clock& clock, Random& random, std::size_t maxQueuedBytes)
    : executor_(executor),
      clock_(clock),
      random_(random),
      readBuffer_(new std::byte[readBufferSize]),
      flushQueue_(executor),
      budget_(maxQueuedBytes),
      tasks_(executor),
      swept_(executor)
{
}

std::size_t Shard::add(PeerConnection& connection, Clock::duration interval)
{
    connections_.push_back(&connection);
    if (connections_.size() == 1 || interval < sweepInterval_)
    {
        sweepInterval_ = std::min(interval, sweepInterval_);
        swept_.notify();
    }
    return connections_.size() - 1;
}

void Shard::remove(std::size_t place) noexcept
{
    connections_[place] = connections_.back();
    connections_[place]->setPlace(place);
    connections_.pop_back();
}

Deflater& Shard::sharedDeflater(const DeflateContext& context, const DeflateOptions& options)
{
    for (const auto& deflater : deflaters_)
        if (deflater->context() == context) return *deflater;
    return *deflaters_.emplace_back(std::make_unique<Deflater>(context, options));
}

void Shard::shrinkFullest()
{
    // Somewhat below, so that this is not every event's matter. What many queues share goes with the last of
    // them, so all that are about as full shrink alike, an eighth at a time.
    const auto enough = budget_.maxBytes() - budget_.maxBytes() / 16;
    while (budget_.usedBytes() > enough)
    {
        std::size_t fullest = 0;
        for (const auto* const connection : connections_)
            fullest = std::max(fullest, connection->outbox().droppableBytes());
        if (fullest == 0) return;  // the rest has begun to leave
        const auto level = fullest - fullest / 8 - 1;
        for (std::size_t index = 0; index < connections_.size() && budget_.usedBytes() > enough; ++index)
            connections_[index]->shrinkQueue(level);
    }
}

Strand<> Shard::sweep(std::shared_ptr<Shard> shard)
{
    for (;;)
    {
        if (shard->connections_.empty())
        {
            co_await shard->swept_.wait();
            continue;
        }
        const auto next = shard->clock_.now() + shard->sweepInterval_;
        co_await shard->swept_.waitUntil(shard->clock_, next);
        const auto now = shard->clock_.now();
        // No connection leaves inside: each is removed by its own strand, in a later turn.
        for (std::size_t index = 0; index < shard->connections_.size(); ++index)
            shard->connections_[index]->checkDeadlines(now);
    }
}

}  // namespace strandcast
