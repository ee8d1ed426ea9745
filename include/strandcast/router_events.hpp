#pragma once

#include <strandcast/backpressure.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>

namespace strandcast
{

/// An event has its place in the log, and was queued for its subscribers on the router's home shard.
struct Published
{
    std::string topic;
    std::string eventId;
    std::uint64_t sequenceNumber = 0;
};

/// An event will not reach a client.
struct MessageDropped
{
    std::string clientId;
    std::string topic;
    DropReason reason = DropReason::queueFull;
};

/// A client asked for more subscriptions than it may have.
struct SubscriptionLimitExceeded
{
    std::string clientId;
    std::size_t limit = 0;
};

/// A middleware, or a channel's rules, did not let a client's publish through.
struct PublishBlocked
{
    std::string clientId;
    std::string messageId;  ///< of the publish
    std::string topic;
};

/// What happens in a router.
using RouterEvent = std::variant<Published, MessageDropped, SubscriptionLimitExceeded, PublishBlocked>;

/// Kinds of router events, a bit for each: that of the n-th alternative is the n-th.
using RouterEventKinds = std::uint8_t;

template <typename Event, std::size_t Index = 0>
constexpr RouterEventKinds routerEventKind()
{
    static_assert(Index < std::variant_size_v<RouterEvent>, "no event of a router");
    if constexpr (std::is_same_v<std::variant_alternative_t<Index, RouterEvent>, Event>)
        return RouterEventKinds{1} << Index;
    else
        return routerEventKind<Event, Index + 1>();
}

}  // namespace strandcast
