#pragma once

#include <strandcast/listen_address.hpp>
#include <strandcast/ws_server.hpp>

#include <vector>

namespace strandcast
{

/// Where a server is to listen.
[[nodiscard]] std::vector<ListenAddress> placesOf(const WSServerOptions& options);

/// Whether one of them is every interface of IPv4. Then "::" beside it means IPv6 alone: both may have one
/// port.
[[nodiscard]] bool listenEverywhereOnV4(const std::vector<ListenAddress>& places);

/// Whether of all networks only the machine's own reaches them: what a browser on it could be made to ask
/// under a name that is none of the machine's. False where none is on a network at all.
[[nodiscard]] bool listenOnLoopbackAlone(const std::vector<ListenAddress>& places);

}  // namespace strandcast
