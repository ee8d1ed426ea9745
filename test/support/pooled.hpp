#pragma once

#include "support/raw_peer.hpp"
#include "support/run.hpp"
#include "support/served.hpp"

#include <strandcast/shard_pool.hpp>

#include <asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

/// A server and a router on a pool of shards, and a test on a thread of its own.
struct Pooled
{
    asio::io_context& io;  // the test's
    strandcast::WSServer server;
    strandcast::WSRouter router;

    Pooled(asio::io_context& context, const strandcast::ShardPool& pool, strandcast::RouterOptions options,
           strandcast::WSServerOptions serverOptions)
        : io(context),
          server(pool, onFreePort(std::move(serverOptions))),
          router(server, std::move(options))
    {
    }

    /// A client that has had the version-negotiation. One shard after the other gets one.
    asio::awaitable<RawPeer> peer()
    {
        RawPeer peer(io);
        co_await peer.join(server.port());
        co_return peer;
    }
};

inline void withPool(std::size_t shards, strandcast::RouterOptions options,
                     const std::function<asio::awaitable<void>(Pooled&)>& body,
                     strandcast::WSServerOptions serverOptions = {.rateLimit = std::nullopt})
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            const strandcast::ShardPool pool(shards);
            Pooled pooled(io, pool, options, serverOptions);
            co_await pooled.server.start();
            co_await body(pooled);
            co_await pooled.server.shutdown();
        });
}
