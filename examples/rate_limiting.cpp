// A client that sends more than its share is told so, message by message, and stays connected.
//
// Try it:  build/examples/rate_limiting

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <chrono>

namespace sc = strandcast;
using namespace std::chrono_literals;

//! [publish]
/// Whether the server took it.
asio::awaitable<bool> tryPublish(sc::WSClient& client, int number)
{
    try
    {
        co_await client.publish("load", {{"number", number}});
        co_return true;
    }
    catch (const sc::RemoteError& refused)
    {
        if (refused.remoteCode() != "RATE_LIMIT_EXCEEDED") throw;
        fmt::print("{}: {}\n", number, refused.what());
    }
    co_return false;
}
//! [publish]

asio::awaitable<void> rateLimiting(asio::io_context& io)
{
    //! [server]
    sc::WSServerOptions options;
    options.port = 0;
    options.rateLimit = {.maxMessages = 5, .window = 60s};  // of each client; std::nullopt is off
    sc::WSServer server(io, options);
    //! [server]
    sc::WSRouter router(server);
    co_await server.start();
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    co_await client.connect();

    int taken = 0;
    for (int number = 1; number <= 7; ++number)
        if (co_await tryPublish(client, number)) ++taken;
    // Every message counts, the one that selects the version as well.
    example::require(taken == 4, "four of seven were taken");
    example::require(client.isConnected(), "the client stays connected");

    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(rateLimiting);
}
