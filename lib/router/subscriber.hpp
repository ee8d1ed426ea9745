#pragma once

#include "coro/task_group.hpp"
#include "router/replays.hpp"
#include "server/client_session.hpp"
#include "server/request_handler.hpp"

#include <cstdint>
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

    /// Whether it was not paused before.
    [[nodiscard]] bool pause() noexcept
    {
        const bool was = isPaused;
        isPaused = true;
        return !was;
    }
    /// Whether it was paused before.
    [[nodiscard]] bool goOn() noexcept
    {
        const bool was = isPaused;
        isPaused = false;
        return was;
    }

    ClientSession& client;
    std::vector<std::string> topics;  ///< what it is subscribed to, in the order in which it was subscribed
    std::uint32_t waitingPublishes = 0;  ///< of its own, behind routes or on their way to the home shard
    std::uint32_t unplacedPublishes : 31 =
        0;                      ///< of those without a place in the log's or a line's order yet
    bool isPaused : 1 = false;  ///< because these are too many
    /// Waits until these have one: a client's requests take effect in their order.
    std::unique_ptr<std::variant<SubscribeMessage, UnsubscribeMessage>> deferred;
    std::unique_ptr<TaskGroup> asking;  ///< while the authorize hook is asked
    Replays replays;
};

}  // namespace strandcast
