#include "client/client_core.hpp"
#include "coro/hop.hpp"
#include "coro/shard_executor.hpp"

#include <strandcast/ws_client.hpp>

#include <utility>

namespace strandcast
{

WSClient::WSClient(asio::io_context& io, WSClientOptions options)
    : core_(std::make_shared<ClientCore>(io.get_executor(), std::move(options)))
{
}

WSClient::WSClient(const asio::any_io_executor& executor, WSClientOptions options)
    : core_(std::make_shared<ClientCore>(shardExecutorOf(executor), std::move(options)))
{
}

WSClient::WSClient(WSClient&&) noexcept = default;

WSClient::~WSClient()
{
    if (core_) ClientCore::abandon(std::move(core_));
}

asio::awaitable<void> WSClient::connect()
{
    return hop(core_->executor(), ClientCore::connect(core_));
}

asio::awaitable<void> WSClient::disconnect()
{
    return hop(core_->executor(), ClientCore::disconnect(core_));
}

bool WSClient::isConnected() const noexcept
{
    return core_->isConnected();
}

asio::awaitable<EventStream<Delivery>> WSClient::subscribe(Topics topics, SubscribeOptions options)
{
    return hop(core_->executor(), ClientCore::subscribe(core_, std::move(topics), options));
}

asio::awaitable<void> WSClient::unsubscribe(Topics topics)
{
    return hop(core_->executor(), ClientCore::unsubscribe(core_, std::move(topics)));
}

asio::awaitable<Receipt> WSClient::publish(std::string topic, Json data, Broadcast broadcast,
                                           OnDisconnect onDisconnect)
{
    PublishMessage message{
        .topic = std::move(topic), .data = std::move(data), .broadcast = broadcast == Broadcast::yes};
    return hop(core_->executor(), ClientCore::publish(core_, std::move(message), onDisconnect));
}

asio::awaitable<Receipt> WSClient::publish(std::string topic, std::nullopt_t, Broadcast broadcast,
                                           OnDisconnect onDisconnect)
{
    PublishMessage message{.topic = std::move(topic), .broadcast = broadcast == Broadcast::yes};
    return hop(core_->executor(), ClientCore::publish(core_, std::move(message), onDisconnect));
}

asio::awaitable<void> WSClient::send(Message message)
{
    return hop(core_->executor(), ClientCore::send(core_, std::move(message)));
}

asio::awaitable<Message> WSClient::sendAndWait(Message message,
                                               std::optional<std::chrono::milliseconds> timeout,
                                               OnDisconnect onDisconnect)
{
    return hop(core_->executor(), ClientCore::sendAndWait(core_, std::move(message), timeout, onDisconnect));
}

EventStream<Delivery> WSClient::events()
{
    return core_->sinks().deliveries({});
}

EventStream<Delivery> WSClient::events(std::string pattern)
{
    return core_->sinks().deliveries({TopicPattern(std::move(pattern))});
}

EventStream<Lifecycle> WSClient::lifecycle()
{
    return core_->sinks().lifecycle();
}

}  // namespace strandcast
