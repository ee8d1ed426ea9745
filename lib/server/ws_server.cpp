#include "coro/shard_executor.hpp"
#include "server/server_parts.hpp"

#include <strandcast/ws_server.hpp>

#include <utility>

namespace strandcast
{

WSServer::WSServer(asio::io_context& io, WSServerOptions options)
    : parts_(std::make_shared<ServerParts>(io.get_executor(), options))
{
}

WSServer::WSServer(const asio::any_io_executor& executor, WSServerOptions options)
    : parts_(std::make_shared<ServerParts>(shardExecutorOf(executor), options))
{
}

WSServer::WSServer(const ShardPool& pool, WSServerOptions options)
    : parts_(std::make_shared<ServerParts>(pool, options))
{
}

WSServer::WSServer(WSServer&&) noexcept = default;

WSServer::~WSServer()
{
    if (parts_) parts_->abandon();
}

asio::awaitable<void> WSServer::start()
{
    return ServerParts::start(parts_);
}

asio::awaitable<void> WSServer::shutdown()
{
    return ServerParts::shutdown(parts_);
}

void WSServer::reloadCertificates()
{
    if (const auto& tls = parts_->first().totals().tls) tls->reload();
}

std::vector<std::string> WSServer::addresses() const
{
    return parts_->first().addresses();
}

std::uint16_t WSServer::port() const noexcept
{
    return parts_->first().port();
}

asio::awaitable<bool> WSServer::sendMessage(std::string clientId, Message message)
{
    return ServerParts::sendMessage(parts_, std::move(clientId), std::move(message));
}

asio::awaitable<std::size_t> WSServer::broadcast(Message message)
{
    return ServerParts::broadcast(parts_, std::move(message));
}

asio::awaitable<bool> WSServer::disconnectClient(std::string clientId, CloseReason reason)
{
    return ServerParts::disconnectClient(parts_, std::move(clientId), std::move(reason));
}

asio::awaitable<std::vector<std::string>> WSServer::getConnectedClients() const
{
    return ServerParts::connectedClients(parts_);
}

asio::awaitable<std::optional<ClientInfo>> WSServer::getClient(std::string clientId) const
{
    return ServerParts::clientInfo(parts_, std::move(clientId));
}

EventStream<ServerEvent> WSServer::events()
{
    return EventStream<ServerEvent>(listen(static_cast<ServerEventKinds>(-1)));
}

std::shared_ptr<EventSource<ServerEvent>> WSServer::listen(ServerEventKinds kinds)
{
    return parts_->first().events().listen(kinds);
}

}  // namespace strandcast
