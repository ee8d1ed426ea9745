#include "coro/hop.hpp"
#include "router/router_core.hpp"
#include "server/server_parts.hpp"

#include <strandcast/error.hpp>
#include <strandcast/ws_router.hpp>

#include <utility>

namespace strandcast
{

WSRouter::WSRouter(WSServer& server, RouterOptions options)
{
    if (!server.parts_->first().claimHandler())
        throw Error(Errc::invalidArgument, "the server has a router already");
    core_ = std::make_shared<RouterCore>(server.parts_->all().front(), std::move(options));
    RouterCore::attach(core_);
}

WSRouter::WSRouter(WSRouter&&) noexcept = default;

WSRouter::~WSRouter()
{
    if (core_) RouterCore::abandon(std::move(core_));
}

asio::awaitable<void> WSRouter::route(RouteConfig config)
{
    return hop(core_->executor(), RouterCore::route(core_, std::move(config)));
}

asio::awaitable<std::size_t> WSRouter::unroute(std::string topic)
{
    return hop(core_->executor(), RouterCore::unroute(core_, std::move(topic)));
}

asio::awaitable<PublishReceipt> WSRouter::publish(std::string topic, Json data)
{
    return hop(core_->executor(), RouterCore::publish(core_, std::move(topic), std::move(data)));
}

asio::awaitable<PublishReceipt> WSRouter::publish(std::string topic)
{
    return hop(core_->executor(), RouterCore::publish(core_, std::move(topic), std::nullopt));
}

asio::awaitable<std::vector<std::string>> WSRouter::getTopicSubscribers(std::string topic) const
{
    return hop(core_->executor(), RouterCore::topicSubscribers(core_, std::move(topic)));
}

asio::awaitable<std::map<std::string, std::vector<std::string>>> WSRouter::getAllSubscriptions() const
{
    return hop(core_->executor(), RouterCore::allSubscriptions(core_));
}

}  // namespace strandcast
