#pragma once

#include "router/router_access.hpp"

#include <strandcast/channel_server_options.hpp>
#include <strandcast/error.hpp>
#include <strandcast/ws_router.hpp>

#include <asio/dispatch.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace strandcast
{

/// Makes a channel server's core, which from then on judges what clients publish; the router retains the last
/// events of `retained`, so many of each topic, for who asks later.
template <typename Core, typename... Argument>
[[nodiscard]] std::shared_ptr<Core>
openChannel(const WSRouter& router, const ChannelServerOptions& options,
            const std::vector<std::pair<std::string, std::size_t>>& retained, Argument&&... argument)
{
    auto core = std::make_shared<Core>(router, options, std::forward<Argument>(argument)...);
    const auto& home = RouterAccess::core(router);
    if (options.retention.count() > 0)
        for (const auto& [topic, count] : retained)
            RouterCore::retain(home, {topic, count, options.retention});
    home->gates().add(core);
    return core;
}

/// The handle has gone, on whichever thread: nothing is judged any more, and the streams end.
template <typename Core>
void closeChannel(std::shared_ptr<Core> core)
{
    if (!core) return;
    if (const auto router = core->router()) router->home()->gates().remove(*core);
    const auto executor = core->executor();
    asio::dispatch(executor, [core = std::move(core)] { core->end(); });
}

}  // namespace strandcast
