#pragma once

#include <strandcast/strand.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace strandcast
{

/// What crosses to a shard from others: all that was put in since the shard's last turn is taken out in one,
/// in the order in which it was put in.
template <typename Item>
class Mailbox
{
public:
    using Take = std::function<void(std::vector<Item>&)>;

    /// `take` gets each batch, on the shard of `executor`.
    Mailbox(ShardExecutor executor, Take take) : state_(std::make_shared<State>(executor, std::move(take))) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() { close(); }

    /// From any thread; of one that says more in its turn, see Postbag. Forgotten once the mailbox is closed.
    void put(Item item) const
    {
        std::vector<Item> one;
        one.push_back(std::move(item));
        putAll(one);
    }

    /// The same for a batch, in its order; leaves it empty.
    void putAll(std::vector<Item>& batch) const
    {
        bool first = false;
        {
            const std::lock_guard lock(state_->mutex);
            auto& waiting = state_->waiting;
            if (state_->take)
            {
                first = waiting.empty() && !batch.empty();
                if (first)
                    waiting.swap(batch);
                else
                    for (auto& item : batch) waiting.push_back(std::move(item));
            }
        }
        batch.clear();
        if (first) asio::post(state_->executor, [state = state_] { state->deliver(); });
    }

    /// Nothing is taken out any more, but for a batch that is under way. From any thread.
    void close() const noexcept
    {
        std::vector<Item> forgotten;
        std::shared_ptr<const Take> take;
        const std::lock_guard lock(state_->mutex);
        forgotten.swap(state_->waiting);
        take.swap(state_->take);
    }

private:
    struct State
    {
        State(ShardExecutor shard, Take taker)
            : executor(shard),
              take(std::make_shared<const Take>(std::move(taker)))
        {
        }

        void deliver()
        {
            std::vector<Item> batch;
            std::shared_ptr<const Take> taker;
            {
                const std::lock_guard lock(mutex);
                batch.swap(waiting);
                taker = take;
            }
            if (taker) (*taker)(batch);
        }

        const ShardExecutor executor;
        std::mutex mutex;
        std::vector<Item> waiting;
        std::shared_ptr<const Take> take;  // none: the mailbox is closed
    };

    std::shared_ptr<State> state_;  // shared with what was posted
};

}  // namespace strandcast
