#pragma once

#include <strandcast/backpressure.hpp>
#include <strandcast/broker.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/message.hpp>
#include <strandcast/router_events.hpp>
#include <strandcast/topics.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

class RouterParts;

/// A client's publish on its way through the routes.
struct RoutedPublish
{
    std::string clientId;
    std::string messageId;  ///< the client's own
    std::string topic;
    std::optional<Json> data;
    bool broadcast = false;
    /// Who the client was when it published; null where an authenticate hook said no more than yes, or there
    /// is none.
    std::shared_ptr<const Authentication> login = {};
};

/// Is told of a publish before it is logged and delivered. On the server's own thread; what it is given lasts
/// until it ends. Where it throws, the publish is refused with INTERNAL_ERROR, without its text, and not
/// logged.
using RouteHandler = std::function<asio::awaitable<void>(const RoutedPublish&)>;

/// Says whether a publish may go on. A no is PUBLISH_FAILED; throwing is as for a handler.
using Middleware = std::function<asio::awaitable<bool>(const RoutedPublish&)>;

struct RouteConfig
{
    std::string topic;  ///< or a pattern
    RouteHandler handler = {};
    std::vector<Middleware> middleware = {};
};

/// Which events outlast the log, for those who subscribe with `last`.
struct RetainRule
{
    std::string topic;      ///< or a pattern; of several rules that match, the first counts
    std::size_t count = 1;  ///< so many of a topic, the newest
    std::chrono::milliseconds duration{600'000};  ///< from when each was logged
};

struct RouterOptions
{
    bool enablePatterns = true;                   ///< otherwise a pattern is SUBSCRIPTION_FAILED
    std::size_t maxSubscriptionsPerClient = 100;  ///< one more: the whole request is SUBSCRIPTION_FAILED
    /// Of all of a client's patterns together, so many segments may stand behind the first `#` of theirs:
    /// each is tried at every place of a topic. `a.#.z` has one, `a.#` none. One more: the whole request is
    /// SUBSCRIPTION_FAILED.
    std::size_t maxSegmentsBehindHash = 256;
    /// In one subscribe or unsubscribe, or as many as `maxSubscriptionsPerClient` where that is more; one
    /// more is SUBSCRIPTION_FAILED.
    std::size_t maxTopicsPerRequest = 1'000;
    std::size_t queueSize = 1'000;                         ///< events that wait for one client
    std::size_t queueBytes = 4 * 1024 * 1024;              ///< the same in bytes; one event always fits
    Backpressure backpressure = Backpressure::dropOldest;  ///< what happens to events at these bounds
    TopicLimits topicLimits = {};                          ///< of topics and patterns
    std::size_t maxWaitingPublishesPerTopic = 1'000;  ///< behind a slow route; one more is PUBLISH_FAILED
    std::size_t maxWaitingBytesPerTopic = 8 * 1024 * 1024;  ///< the same in bytes; one publish always fits
    std::size_t maxWaitingBytes = 64 * 1024 * 1024;  ///< of all topics; one publish more is PUBLISH_FAILED
    std::size_t maxWaitingPublishesPerClient = 64;   ///< behind slow routes; above, the client is not read
    std::size_t maxReplayedEvents = 100'000;  ///< to one client, and still wait; older ones count as dropped
    std::vector<RetainRule> retain = {};
    std::size_t maxRetainedEvents = 100'000;  ///< over it the first to go goes first
    std::size_t maxRetainedBytes = 64 * 1024 * 1024;
    std::size_t eventStreamSize = 1'000;  ///< router events that a stream keeps; above, its oldest is dropped
    std::shared_ptr<Broker> broker = {};  ///< none: a MemoryBroker of the router's own
};

/// What became of a publish.
struct PublishReceipt
{
    std::uint64_t sequenceNumber = 0;  ///< of the event in its topic
    std::size_t subscribers = 0;  ///< for how many clients of this server it was queued, not dropped at once
};

/// Who gets what: subscriptions with patterns, routes, and the log. One router to a server.
///
/// Every operation may be awaited from any executor; it hops to the server's and ends on the caller's.
/// Destroying the router is safe at any moment, before or after its server: it lets go of routes at once, and
/// subscribe and publish get INTERNAL_ERROR from then on.
class WSRouter
{
public:
    /// @throws Error with Errc::invalidArgument where the server has a router.
    explicit WSRouter(WSServer& server, RouterOptions options = {});
    WSRouter(WSRouter&&) noexcept;
    WSRouter& operator=(WSRouter&&) = delete;
    ~WSRouter();

    /// Registers a route. Of all routes that match a publish first every middleware runs, in the order of
    /// registration, then every handler, then it is logged and delivered. What the server itself publishes
    /// passes no route.
    /// @throws Error with Errc::invalidArgument for a topic that is none.
    [[nodiscard]] asio::awaitable<void> route(RouteConfig config);

    /// Removes all routes that were registered with exactly this topic.
    /// @returns how many there were.
    [[nodiscard]] asio::awaitable<std::size_t> unroute(std::string topic);

    /// Logs an event and queues it for every subscriber.
    /// @throws Error with Errc::invalidArgument for a topic that is none.
    [[nodiscard]] asio::awaitable<PublishReceipt> publish(std::string topic, Json data);
    /// The same for an event without data.
    [[nodiscard]] asio::awaitable<PublishReceipt> publish(std::string topic);

    /// The ids of the clients that get what is published on `topic`, in the order in which they connected.
    [[nodiscard]] asio::awaitable<std::vector<std::string>> getTopicSubscribers(std::string topic) const;

    /// Every subscribed topic and pattern, each with the ids of its clients, in the order in which they
    /// connected.
    [[nodiscard]] asio::awaitable<std::map<std::string, std::vector<std::string>>>
    getAllSubscriptions() const;

    /// What happens in the router from now on, in the order in which it happens on each shard. From any
    /// thread. The stream is bounded; one that nobody reads loses its oldest, and holds up nothing.
    [[nodiscard]] EventStream<RouterEvent> events();
    /// The same of one kind alone, such as `router.events<MessageDropped>()`.
    template <typename Event>
    [[nodiscard]] EventStream<Event> events()
    {
        return EventStream<Event>(
            std::make_shared<AlternativeSource<Event, RouterEvent>>(listen(routerEventKind<Event>())));
    }

private:
    friend struct RouterAccess;

    [[nodiscard]] std::shared_ptr<EventSource<RouterEvent>> listen(RouterEventKinds kinds);

    std::shared_ptr<const RouterParts> parts_;
};

}  // namespace strandcast
