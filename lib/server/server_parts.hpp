#pragma once

#include "server/server_core.hpp"

#include <strandcast/shard_pool.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

/// The cores of a server, one on each of its shards; the first one listens. Owned by the handle, and by each
/// operation while it runs.
class ServerParts
{
public:
    ServerParts(ShardExecutor executor, const WSServerOptions& options);
    ServerParts(const ShardPool& pool, const WSServerOptions& options);

    [[nodiscard]] const std::vector<std::shared_ptr<ServerCore>>& all() const noexcept { return parts_; }
    [[nodiscard]] ServerCore& first() const noexcept { return *parts_.front(); }

    // The operations of WSServer, of which each part does its own.
    [[nodiscard]] static asio::awaitable<void> start(std::shared_ptr<const ServerParts> server);
    [[nodiscard]] static asio::awaitable<void> shutdown(std::shared_ptr<const ServerParts> server);
    [[nodiscard]] static asio::awaitable<bool> sendMessage(std::shared_ptr<const ServerParts> server,
                                                           std::string id, Message message);
    [[nodiscard]] static asio::awaitable<std::size_t> broadcast(std::shared_ptr<const ServerParts> server,
                                                                Message message);
    [[nodiscard]] static asio::awaitable<bool> disconnectClient(std::shared_ptr<const ServerParts> server,
                                                                std::string id, CloseReason reason);
    [[nodiscard]] static asio::awaitable<std::vector<std::string>>
    connectedClients(std::shared_ptr<const ServerParts> server);
    [[nodiscard]] static asio::awaitable<std::optional<ClientInfo>>
    clientInfo(std::shared_ptr<const ServerParts> server, std::string id);

    /// The handle has gone, on whichever thread.
    void abandon() const;

private:
    std::vector<std::shared_ptr<ServerCore>> parts_;
};

}  // namespace strandcast
