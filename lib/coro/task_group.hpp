#pragma once

#include "coro/signal.hpp"

#include <strandcast/strand.hpp>

#include <asio/cancellation_signal.hpp>

#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <type_traits>

namespace strandcast
{

/// Owns strands: starts them, can cancel them all, and can be awaited until none is left. Used on its shard's
/// thread alone. Who lets go of a group that has not ended has cancelled it, and its strands, which unwind in
/// the shard's next turns or with its io_context, own whatever they touch.
class TaskGroup
{
public:
    explicit TaskGroup(ShardExecutor executor);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Starts `strand`; it runs up to its first suspension before this returns, if called on the shard's
    /// thread. A strand that fails with anything but operation_aborted takes the failure to who runs the
    /// io_context: a strand is expected to deal with its own.
    void spawn(Strand<> strand);

    /// Asks every strand to unwind now.
    void cancel();

    /// Ends when no strand is left, also those that are started meanwhile.
    [[nodiscard]] Strand<> wait();

    [[nodiscard]] std::size_t size() const noexcept { return tasks_->signals.size(); }

private:
    // Shared with the completion of each strand, which may come after the group is gone.
    struct Tasks
    {
        explicit Tasks(ShardExecutor executor) : ended(executor) {}

        std::list<asio::cancellation_signal> signals;
        Signal ended;
    };

    ShardExecutor executor_;
    std::shared_ptr<Tasks> tasks_;
};

}  // namespace strandcast
