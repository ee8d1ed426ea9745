#include "coro/hop.hpp"
#include "coro/shard_executor.hpp"
#include "server/server_core.hpp"

#include <strandcast/ws_server.hpp>

#include <utility>

namespace strandcast
{

WSServer::WSServer(asio::io_context& io, WSServerOptions options)
    : core_(std::make_shared<ServerCore>(io.get_executor(), std::move(options)))
{
}

WSServer::WSServer(const asio::any_io_executor& executor, WSServerOptions options)
    : core_(std::make_shared<ServerCore>(shardExecutorOf(executor), std::move(options)))
{
}

WSServer::WSServer(WSServer&&) noexcept = default;

WSServer::~WSServer()
{
    if (core_) ServerCore::abandon(std::move(core_));
}

asio::awaitable<void> WSServer::start()
{
    return hop(core_->executor(), ServerCore::start(core_));
}

asio::awaitable<void> WSServer::shutdown()
{
    return hop(core_->executor(), ServerCore::shutdown(core_));
}

std::uint16_t WSServer::port() const noexcept
{
    return core_->port();
}

asio::awaitable<bool> WSServer::sendMessage(std::string clientId, Message message)
{
    return hop(core_->executor(), ServerCore::sendMessage(core_, std::move(clientId), std::move(message)));
}

asio::awaitable<std::size_t> WSServer::broadcast(Message message)
{
    return hop(core_->executor(), ServerCore::broadcast(core_, std::move(message)));
}

asio::awaitable<bool> WSServer::disconnectClient(std::string clientId, CloseReason reason)
{
    return hop(core_->executor(),
               ServerCore::disconnectClient(core_, std::move(clientId), std::move(reason)));
}

asio::awaitable<std::vector<std::string>> WSServer::getConnectedClients() const
{
    return hop(core_->executor(), ServerCore::connectedClients(core_));
}

asio::awaitable<std::optional<ClientInfo>> WSServer::getClient(std::string clientId) const
{
    return hop(core_->executor(), ServerCore::clientInfo(core_, std::move(clientId)));
}

}  // namespace strandcast
