#pragma once

#include "connection/frame_batch.hpp"

#include <strandcast/strand.hpp>

#include <memory>
#include <vector>

namespace strandcast
{

class PeerConnection;

/// The connections of a shard that have something to send. They are flushed once per turn of the loop, so
/// that all that a turn queues for one socket leaves in one system call.
class FlushQueue
{
public:
    explicit FlushQueue(ShardExecutor executor);
    FlushQueue(const FlushQueue&) = delete;
    FlushQueue& operator=(const FlushQueue&) = delete;
    ~FlushQueue();

    /// `connection` is flushed before the shard waits again. It is not in the queue yet.
    void push(PeerConnection& connection);

    /// What this turn sends to many.
    [[nodiscard]] FrameBatch& batch() noexcept { return turn_->batch; }

    /// Forgets a connection that goes.
    void erase(const PeerConnection& connection) noexcept;

private:
    // Outlived by what was posted, which then finds it closed.
    struct Turn
    {
        std::vector<PeerConnection*> waiting;
        std::vector<PeerConnection*> flushing;
        FrameBatch batch;
        bool posted = false;
        bool closed = false;

        void run();
    };

    ShardExecutor executor_;
    std::shared_ptr<Turn> turn_;
};

}  // namespace strandcast
