#pragma once

#include "router/router_core.hpp"
#include "server/server_parts.hpp"

#include <strandcast/ws_router.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

/// The cores of a router, one on each shard of its server; the first is its home. Owned by the handle, and by
/// each operation while it runs.
class RouterParts
{
public:
    RouterParts(const ServerParts& server, const RouterOptions& options);

    [[nodiscard]] const std::shared_ptr<RouterCore>& home() const noexcept { return parts_.front(); }

    // The operations of WSRouter; an event may be published on several topics side by side.
    [[nodiscard]] static asio::awaitable<void> route(std::shared_ptr<const RouterParts> router,
                                                     RouteConfig config);
    [[nodiscard]] static asio::awaitable<std::size_t> unroute(std::shared_ptr<const RouterParts> router,
                                                              std::string topic);
    [[nodiscard]] static asio::awaitable<PublishReceipt> publish(std::shared_ptr<const RouterParts> router,
                                                                 std::vector<std::string> topics,
                                                                 std::optional<Json> data);
    [[nodiscard]] static asio::awaitable<std::vector<std::string>>
    topicSubscribers(std::shared_ptr<const RouterParts> router, std::string topic);
    [[nodiscard]] static asio::awaitable<std::map<std::string, std::vector<std::string>>>
    allSubscriptions(std::shared_ptr<const RouterParts> router);

    /// The handle has gone, on whichever thread.
    void abandon() const;

private:
    std::vector<std::shared_ptr<RouterCore>> parts_;
};

}  // namespace strandcast
