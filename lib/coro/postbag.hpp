#pragma once

#include "coro/mailbox.hpp"

#include <strandcast/strand.hpp>

#include <asio/post.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace strandcast
{

/// What a shard has for another one's mailbox: gathered for the rest of its turn, and put in as one batch, so
/// that a turn which says a hundred things wakes the other shard once. Used on its own shard's thread alone.
template <typename Item>
class Postbag
{
public:
    Postbag(ShardExecutor own, std::shared_ptr<const Mailbox<Item>> addressee)
        : executor_(own),
          bag_(std::make_shared<Bag>(std::move(addressee)))
    {
    }

    void put(Item item)
    {
        bag_->items.push_back(std::move(item));
        if (bag_->isPosted) return;
        // Behind everything that is ready now: what those handlers have to say goes with it.
        asio::post(executor_,
                   [bag = bag_]
                   {
                       bag->isPosted = false;
                       bag->send();
                   });
        bag_->isPosted = true;
    }

    /// Does not wait for the end of the turn.
    void send() { bag_->send(); }

private:
    struct Bag
    {
        explicit Bag(std::shared_ptr<const Mailbox<Item>> to) : addressee(std::move(to)) {}

        void send()
        {
            if (!items.empty()) addressee->putAll(items);
        }

        const std::shared_ptr<const Mailbox<Item>> addressee;
        std::vector<Item> items;
        bool isPosted = false;
    };

    ShardExecutor executor_;
    std::shared_ptr<Bag> bag_;  // shared with what was posted
};

}  // namespace strandcast
