#include "router/router_parts.hpp"
#include "server/server_parts.hpp"

#include <strandcast/error.hpp>
#include <strandcast/ws_router.hpp>

#include <utility>

namespace strandcast
{

namespace
{

std::vector<std::string> oneTopic(std::string topic)
{
    std::vector<std::string> topics;
    topics.push_back(std::move(topic));
    return topics;
}

}  // namespace

WSRouter::WSRouter(WSServer& server, RouterOptions options)
{
    if (!server.parts_->first().claimHandler())
        throw Error(Errc::invalidArgument, "the server has a router already");
    parts_ = std::make_shared<const RouterParts>(*server.parts_, options);
}

WSRouter::WSRouter(WSRouter&&) noexcept = default;

WSRouter::~WSRouter()
{
    if (parts_) parts_->abandon();
}

EventStream<RouterEvent> WSRouter::events()
{
    return EventStream<RouterEvent>(listen(RouterEventKinds{0xFF}));
}

std::shared_ptr<EventSource<RouterEvent>> WSRouter::listen(RouterEventKinds kinds)
{
    return parts_->home()->events().listen(kinds);
}

asio::awaitable<void> WSRouter::route(RouteConfig config)
{
    return RouterParts::route(parts_, std::move(config));
}

asio::awaitable<std::size_t> WSRouter::unroute(std::string topic)
{
    return RouterParts::unroute(parts_, std::move(topic));
}

asio::awaitable<PublishReceipt> WSRouter::publish(std::string topic, Json data)
{
    return RouterParts::publish(parts_, oneTopic(std::move(topic)), std::move(data));
}

asio::awaitable<PublishReceipt> WSRouter::publish(std::string topic)
{
    return RouterParts::publish(parts_, oneTopic(std::move(topic)), std::nullopt);
}

asio::awaitable<std::vector<std::string>> WSRouter::getTopicSubscribers(std::string topic) const
{
    return RouterParts::topicSubscribers(parts_, std::move(topic));
}

asio::awaitable<std::map<std::string, std::vector<std::string>>> WSRouter::getAllSubscriptions() const
{
    return RouterParts::allSubscriptions(parts_);
}

}  // namespace strandcast
