#pragma once

#include <strandcast/authenticated.hpp>
#include <strandcast/close_reason.hpp>
#include <strandcast/message.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace strandcast
{

/// The server listens.
struct Started
{
    std::string host;  ///< that of the options
    std::uint16_t port = 0;
    std::vector<std::string> addresses = {};  ///< all, as WSServer::addresses() names them
};

/// A client has connected; it may not be authenticated yet.
struct Connection
{
    std::string clientId;
    std::string peerAddress;
};

/// A client's connection is over.
struct Disconnect
{
    std::string clientId;
    CloseReason
        reason;  ///< the peer's where it closed first, the server's where that did, 1006 where it was lost
    // Every event that the client was to have is one of the two.
    std::uint64_t eventsDelivered = 0;
    std::uint64_t eventsDropped = 0;
};

/// A client has subscribed, to topics or patterns, and was acked.
struct Subscribe
{
    std::string clientId;
    std::vector<std::string> topics;
};

/// A client has unsubscribed, and was acked.
struct Unsubscribe
{
    std::string clientId;
    std::vector<std::string> topics;
};

/// A client's publish was logged.
struct Publish
{
    std::string clientId;
    std::string topic;
    std::optional<Json> data;
    bool broadcast = false;
    std::uint64_t sequenceNumber = 0;
};

/// A connection was turned away: there were too many, of all or of its address.
struct Refused
{
    std::string peerAddress;
    std::string reason;  ///< as the peer is told it, where it can be
};

/// Something failed that the server got over: a hook that threw, a connection that could not be accepted,
/// memory that ran out. No client reads the text.
struct ServerError
{
    std::string clientId;  ///< empty where it is about none
    std::string what;
};

/// What happens in a server.
using ServerEvent = std::variant<Started, Connection, Authenticated, Disconnect, Subscribe, Unsubscribe,
                                 Publish, ServerError, Refused>;

/// Kinds of server events, a bit for each: that of the n-th alternative is the n-th.
using ServerEventKinds = std::uint16_t;

template <typename Event, std::size_t Index = 0>
constexpr ServerEventKinds serverEventKind()
{
    static_assert(Index < std::variant_size_v<ServerEvent>, "no event of a server");
    if constexpr (std::is_same_v<std::variant_alternative_t<Index, ServerEvent>, Event>)
        return static_cast<ServerEventKinds>(1U << Index);
    else
        return serverEventKind<Event, Index + 1>();
}

}  // namespace strandcast
