#pragma once

#include "client/proxy.hpp"
#include "client/url.hpp"
#include "transport/tls_context.hpp"
#include "websocket/deflate_negotiation.hpp"

#include <strandcast/random.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <optional>
#include <string>

namespace strandcast
{

/// A WebSocket that is open, from a client's side.
struct OpenedWebSocket
{
    std::unique_ptr<Transport> transport;
    std::string received = {};                      ///< what came behind the server's answer
    std::optional<DeflateParameters> deflate = {};  ///< what was agreed on
};

/// Connects to a server over TCP, through `proxy` where there is one, with `tls` where its URL says so, and
/// upgrades to WebSocket.
/// @throws Error with Errc::connectFailed, naming the address and the cause; asio::system_error with
/// operation_aborted when cancelled.
[[nodiscard]] Strand<OpenedWebSocket> openWebSocket(Url url, Random& random, const TlsClientContext* tls,
                                                    std::optional<DeflateOptions> deflate = {},
                                                    std::optional<Proxy> proxy = {});

}  // namespace strandcast
