#pragma once

#include "websocket/http_head.hpp"
#include "websocket/upgrade_request.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// Which web pages may talk to a server, and under which names it may be asked for: what keeps a page from
/// elsewhere from using its visitor's cookies or place in the network.
struct OriginRules
{
    std::vector<std::string> allowedOrigins;  ///< "*" is any; with none, those of the server's own host
    std::vector<std::string> allowedHosts;    ///< beside loopback's own names; "*" is any
    bool isLoopbackAlone = false;             ///< whether the server listens on nothing else

    /// Why a request is refused, if it is.
    [[nodiscard]] std::optional<HttpRefusal> judge(const HttpRequest& request) const;
};

/// The host in a Host header, or in an Origin behind its scheme: without the port.
[[nodiscard]] std::string_view hostOf(std::string_view authority) noexcept;

/// Whether a name, or a numeric address, can only mean this machine.
[[nodiscard]] bool isLoopbackName(std::string_view host) noexcept;

}  // namespace strandcast
