#pragma once

#include "client/client_core.hpp"

#include <strandcast/strand.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace strandcast
{

/// What a channel client has subscribed to, each thing once however often it was asked for. The operations
/// run on the client's shard; the lists may be read on any thread.
class ChannelSubscriptions
{
public:
    enum class Scope : std::uint8_t
    {
        all,
        entity,
        pattern,
    };

    /// What was subscribed to, by its scope and the entity's id or the pattern.
    using Name = std::pair<Scope, std::string>;

    explicit ChannelSubscriptions(std::shared_ptr<ClientCore> client) : client_(std::move(client)) {}

    [[nodiscard]] static Strand<> subscribe(std::shared_ptr<ChannelSubscriptions> self, Name name,
                                            std::vector<std::string> topics);
    /// Harmless where it is not subscribed to.
    [[nodiscard]] static Strand<> unsubscribe(std::shared_ptr<ChannelSubscriptions> self, Name name);
    [[nodiscard]] static Strand<> unsubscribeAll(std::shared_ptr<ChannelSubscriptions> self);

    /// The ids of the entities that are subscribed to one by one, in their order.
    [[nodiscard]] std::vector<std::string> entities() const;

    /// The client has ended its connection, and its subscriptions with it.
    void clear();

private:
    [[nodiscard]] bool contains(const Name& name) const;
    [[nodiscard]] bool add(const Name& name, const std::vector<std::string>& topics);
    [[nodiscard]] std::vector<std::string> take(const Name& name);
    [[nodiscard]] std::vector<std::string> takeAll();

    const std::shared_ptr<ClientCore> client_;
    mutable std::mutex mutex_;  // of what follows
    std::map<Name, std::vector<std::string>> topics_;
};

}  // namespace strandcast
