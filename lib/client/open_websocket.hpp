#pragma once

#include "client/proxy.hpp"
#include "client/url.hpp"
#include "transport/tls_context.hpp"
#include "websocket/deflate_negotiation.hpp"
#include "websocket/http_head.hpp"

#include <strandcast/random.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

/// How a client wants its WebSocket.
struct OpenOptions
{
    const TlsClientContext* tls = nullptr;  ///< for wss://
    std::optional<DeflateOptions> deflate = {};
    std::optional<Proxy> proxy = {};
    std::vector<std::string> subprotocols = {};
    std::vector<HttpHead::Header> headers = {};

    /// @throws Error with Errc::invalidArgument where a subprotocol or a header cannot be sent, or is the
    /// handshake's own.
    void check() const;
};

/// A WebSocket that is open, from a client's side.
struct OpenedWebSocket
{
    std::unique_ptr<Transport> transport;
    std::string received = {};                      ///< what came behind the server's answer
    std::optional<DeflateParameters> deflate = {};  ///< what was agreed on
    std::optional<std::string> subprotocol = {};    ///< the one that the server chose
};

/// Connects to a server over TCP, through a proxy where there is one, with TLS where its URL says so, and
/// upgrades to WebSocket.
/// @throws Error with Errc::connectFailed, naming the address and the cause; asio::system_error with
/// operation_aborted when cancelled.
[[nodiscard]] Strand<OpenedWebSocket> openWebSocket(Url url, Random& random, OpenOptions options);

}  // namespace strandcast
