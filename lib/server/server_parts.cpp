#include "server/server_parts.hpp"

#include "coro/hop.hpp"

#include <asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <span>
#include <utility>

namespace strandcast
{

ServerParts::ServerParts(ShardExecutor executor, const WSServerOptions& options)
    : parts_{std::make_shared<ServerCore>(executor, options)}
{
}

ServerParts::ServerParts(const ShardPool& pool, const WSServerOptions& options)
{
    const auto totals = std::make_shared<ServerTotals>(pool.executor(0), options, pool.size());
    for (std::size_t shard = 0; shard < pool.size(); ++shard)
        parts_.push_back(std::make_shared<ServerCore>(pool.executor(shard), options, totals));
}

asio::awaitable<void> ServerParts::start(std::shared_ptr<const ServerParts> server)
{
    auto& totals = server->first().totals();
    const auto run = ++totals.runs;
    // The one that listens comes last, so that it finds the others ready for what it hands over.
    std::vector<std::shared_ptr<ServerCore>> ready;
    std::exception_ptr failure;
    try
    {
        for (const auto& part : std::span(server->parts_).subspan(1))
        {
            co_await hop(part->executor(), ServerCore::join(part, run));
            ready.push_back(part);
        }
        co_await hop(
            server->first().executor(),
            ServerCore::start(server->parts_.front(), run, {server->parts_.begin(), server->parts_.end()}));
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (!failure) co_return;
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    for (const auto& part : ready) co_await hop(part->executor(), ServerCore::shutdown(part, run));
    std::rethrow_exception(failure);
}

asio::awaitable<void> ServerParts::shutdown(std::shared_ptr<const ServerParts> server)
{
    // What has begun by now, and nothing that begins meanwhile.
    const auto run = server->first().totals().run.load();
    std::exception_ptr failure;
    for (int attempt = 0; attempt < 2 && (attempt == 0 || failure); ++attempt)
    {
        try
        {
            // What one part has acked is queued for the clients of the others before these are closed.
            if (server->parts_.size() > 1)
            {
                for (const auto& part : server->parts_)
                    co_await hop(part->executor(), ServerCore::stopTaking(part, run));
                co_await hop(server->first().executor(), ServerCore::settle(server->parts_.front()));
            }
            // All are asked before one is waited for, so that the time is that of the slowest.
            for (const auto& part : server->parts_)
                co_await hop(part->executor(), ServerCore::beginShutdown(part, run));
            for (const auto& part : server->parts_)
                co_await hop(part->executor(), ServerCore::shutdown(part, run));
        }
        catch (...)
        {
            failure = std::current_exception();
        }
        if (!failure) break;
        // Cancelled: the rest is insisted on, and waited for all the same.
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        for (const auto& part : server->parts_) ServerCore::insist(part, run);
    }
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<bool> ServerParts::sendMessage(std::shared_ptr<const ServerParts> server, std::string id,
                                               Message message)
{
    for (const auto& part : server->parts_)
    {
        const bool sent = co_await hop(part->executor(), ServerCore::sendMessage(part, id, message));
        if (sent) co_return true;
    }
    co_return false;
}

asio::awaitable<std::size_t> ServerParts::broadcast(std::shared_ptr<const ServerParts> server,
                                                    Message message)
{
    message = server->first().completed(std::move(message));
    std::size_t count = 0;
    for (const auto& part : server->parts_)
        count += co_await hop(part->executor(), ServerCore::broadcast(part, message));
    co_return count;
}

asio::awaitable<bool> ServerParts::disconnectClient(std::shared_ptr<const ServerParts> server, std::string id,
                                                    CloseReason reason)
{
    for (const auto& part : server->parts_)
    {
        const bool found = co_await hop(part->executor(), ServerCore::disconnectClient(part, id, reason));
        if (found) co_return true;
    }
    co_return false;
}

asio::awaitable<std::vector<std::string>>
ServerParts::connectedClients(std::shared_ptr<const ServerParts> server)
{
    std::vector<NumberedClient> clients;
    for (const auto& part : server->parts_)
    {
        auto some = co_await hop(part->executor(), ServerCore::connectedClients(part));
        clients.insert(clients.end(), std::move_iterator(some.begin()), std::move_iterator(some.end()));
    }
    std::ranges::sort(clients, {}, &NumberedClient::number);
    std::vector<std::string> ids;
    for (auto& client : clients) ids.push_back(std::move(client.id));
    co_return ids;
}

asio::awaitable<std::optional<ClientInfo>> ServerParts::clientInfo(std::shared_ptr<const ServerParts> server,
                                                                   std::string id)
{
    for (const auto& part : server->parts_)
    {
        auto info = co_await hop(part->executor(), ServerCore::clientInfo(part, id));
        if (info) co_return info;
    }
    co_return std::nullopt;
}

void ServerParts::abandon() const
{
    for (const auto& part : parts_) ServerCore::abandon(part);
}

}  // namespace strandcast
