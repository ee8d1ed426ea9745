#include "channel/channel_subscriptions.hpp"

namespace strandcast
{

Strand<> ChannelSubscriptions::subscribe(std::shared_ptr<ChannelSubscriptions> self, Name name,
                                         std::vector<std::string> topics)
{
    if (self->contains(name)) co_return;
    static_cast<void>(co_await ClientCore::subscribe(self->client_, topics, {}));
    // Who asked for the same at the same time was first: the client counts, and is told that once is enough.
    if (!self->add(name, topics)) co_await ClientCore::unsubscribe(self->client_, std::move(topics));
}

Strand<> ChannelSubscriptions::unsubscribe(std::shared_ptr<ChannelSubscriptions> self, Name name)
{
    auto topics = self->take(name);
    if (!topics.empty()) co_await ClientCore::unsubscribe(self->client_, std::move(topics));
}

Strand<> ChannelSubscriptions::unsubscribeAll(std::shared_ptr<ChannelSubscriptions> self)
{
    for (auto& topics : inRequests(self->takeAll()))
        co_await ClientCore::unsubscribe(self->client_, std::move(topics));
}

std::vector<std::string> ChannelSubscriptions::entities() const
{
    const std::lock_guard lock(mutex_);
    std::vector<std::string> ids;
    for (const auto& [name, topics] : topics_)
        if (name.first == Scope::entity) ids.push_back(name.second);
    return ids;
}

void ChannelSubscriptions::clear()
{
    const std::lock_guard lock(mutex_);
    topics_.clear();
}

bool ChannelSubscriptions::contains(const Name& name) const
{
    const std::lock_guard lock(mutex_);
    return topics_.contains(name);
}

bool ChannelSubscriptions::add(const Name& name, const std::vector<std::string>& topics)
{
    const std::lock_guard lock(mutex_);
    return topics_.emplace(name, topics).second;
}

std::vector<std::string> ChannelSubscriptions::take(const Name& name)
{
    const std::lock_guard lock(mutex_);
    auto found = topics_.extract(name);
    return found ? std::move(found.mapped()) : std::vector<std::string>();
}

std::vector<std::string> ChannelSubscriptions::takeAll()
{
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, topics] : topics_) all.insert(all.end(), topics.begin(), topics.end());
    topics_.clear();
    return all;
}

}  // namespace strandcast
