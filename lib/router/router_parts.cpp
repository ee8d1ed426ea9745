#include "router/router_parts.hpp"

#include "coro/hop.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <span>
#include <utility>

namespace strandcast
{

namespace
{

std::vector<std::string> idsOf(std::vector<NumberedClient> clients)
{
    std::ranges::sort(clients, {}, &NumberedClient::number);
    std::vector<std::string> ids;
    ids.reserve(clients.size());
    for (auto& client : clients) ids.push_back(std::move(client.id));
    return ids;
}

}  // namespace

RouterParts::RouterParts(const ServerParts& server, const RouterOptions& options)
{
    for (const auto& part : server.all()) parts_.push_back(std::make_shared<RouterCore>(part, options));
    RouterCore::link(parts_);
    for (const auto& part : parts_) RouterCore::attach(part);
}

asio::awaitable<void> RouterParts::route(std::shared_ptr<const RouterParts> router, RouteConfig config)
{
    co_await hop(router->home()->executor(), RouterCore::route(router->home(), std::move(config)));
}

asio::awaitable<std::size_t> RouterParts::unroute(std::shared_ptr<const RouterParts> router,
                                                  std::string topic)
{
    co_return co_await hop(router->home()->executor(), RouterCore::unroute(router->home(), std::move(topic)));
}

asio::awaitable<PublishReceipt> RouterParts::publish(std::shared_ptr<const RouterParts> router,
                                                     std::vector<std::string> topics,
                                                     std::optional<Json> data)
{
    const auto others = std::span(router->parts_).subspan(1);
    const auto elsewhere = others.empty() ? nullptr : std::make_shared<std::atomic<std::size_t>>(0);
    auto receipt =
        co_await hop(router->home()->executor(),
                     RouterCore::publish(router->home(), std::move(topics), std::move(data), elsewhere));
    for (const auto& part : others) co_await hop(part->executor(), RouterCore::delivered(part));
    if (elsewhere) receipt.subscribers += elsewhere->load();
    co_return receipt;
}

asio::awaitable<std::vector<std::string>>
RouterParts::topicSubscribers(std::shared_ptr<const RouterParts> router, std::string topic)
{
    std::vector<NumberedClient> clients;
    for (const auto& part : router->parts_)
    {
        auto some = co_await hop(part->executor(), RouterCore::topicSubscribers(part, topic));
        std::ranges::move(some, std::back_inserter(clients));
    }
    co_return idsOf(std::move(clients));
}

asio::awaitable<std::map<std::string, std::vector<std::string>>>
RouterParts::allSubscriptions(std::shared_ptr<const RouterParts> router)
{
    std::map<std::string, std::vector<NumberedClient>> clients;
    for (const auto& part : router->parts_)
    {
        auto some = co_await hop(part->executor(), RouterCore::allSubscriptions(part));
        for (auto& [topic, ofTopic] : some) std::ranges::move(ofTopic, std::back_inserter(clients[topic]));
    }
    std::map<std::string, std::vector<std::string>> all;
    for (auto& [topic, ofTopic] : clients) all.emplace(topic, idsOf(std::move(ofTopic)));
    co_return all;
}

void RouterParts::abandon() const
{
    for (const auto& part : parts_) RouterCore::abandon(part);
}

}  // namespace strandcast
