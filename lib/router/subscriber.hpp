#pragma once

#include "coro/task_group.hpp"
#include "router/replay.hpp"
#include "server/client_session.hpp"
#include "server/request_handler.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace strandcast
{

/// A client as the router sees it.
struct Subscriber final : SessionData
{
    explicit Subscriber(ClientSession& subscribed) : client(subscribed) {}

    [[nodiscard]] static Subscriber& of(ClientSession& client)
    {
        return static_cast<Subscriber&>(*client.data);
    }
    [[nodiscard]] static const Subscriber& of(const ClientSession& client)
    {
        return static_cast<const Subscriber&>(*client.data);
    }

    ClientSession& client;
    std::vector<std::string> topics;   ///< what it is subscribed to, in the order in which it was subscribed
    std::size_t waitingPublishes = 0;  ///< of its own, behind routes or on their way to the home shard
    std::size_t unplacedPublishes =
        0;  ///< of those, so many have no place in the log's or a line's order yet
    /// Waits until these have one: a client's requests take effect in their order.
    std::unique_ptr<std::variant<SubscribeMessage, UnsubscribeMessage>> deferred;
    std::unique_ptr<TaskGroup> asking;             ///< while the authorize hook is asked
    std::vector<std::shared_ptr<Replay>> replays;  ///< that run, in the order of their requests
    bool isPaused = false;                         ///< because these are too many
};

}  // namespace strandcast
