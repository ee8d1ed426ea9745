#pragma once

#include "support/raw_peer.hpp"
#include "support/run.hpp"

#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

/// A server that listens, with a router if a test wants one, on a real loopback socket.
struct Served
{
    asio::io_context& io;
    strandcast::WSServer server;
    std::optional<strandcast::WSRouter> router;

    Served(asio::io_context& context, strandcast::WSServerOptions options)
        : io(context),
          server(context, std::move(options))
    {
    }

    /// A client that has had the version-negotiation.
    asio::awaitable<RawPeer> peer(std::optional<int> receiveBuffer = {})
    {
        RawPeer peer(io);
        co_await peer.join(server.port(), receiveBuffer);
        co_return peer;
    }

    /// Whether the server serves.
    asio::awaitable<bool> serves()
    {
        auto client = co_await peer();
        const auto end = co_await client.leave();
        co_return end == "1000";
    }
};

inline strandcast::WSServerOptions onFreePort(strandcast::WSServerOptions options = {})
{
    options.port = 0;
    // Most tests end with clients that do not answer the server's Close.
    options.closeTimeout = std::min(options.closeTimeout, std::chrono::milliseconds(100));
    return options;
}

/// Runs `body` with a server, shuts it down after it, and checks that nothing is left.
inline void withServer(strandcast::WSServerOptions options,
                       const std::function<asio::awaitable<void>(Served&)>& body)
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            Served served(io, onFreePort(options));
            co_await served.server.start();
            co_await body(served);
            co_await served.server.shutdown();
        });
}

/// The same with a router; the rate limit is off unless the options say otherwise.
inline void withRouter(strandcast::RouterOptions options,
                       const std::function<asio::awaitable<void>(Served&)>& body,
                       strandcast::WSServerOptions serverOptions = {.rateLimit = std::nullopt})
{
    withServer(std::move(serverOptions),
               [&](Served& served) -> asio::awaitable<void>
               {
                   served.router.emplace(served.server, options);
                   co_await body(served);
               });
}
