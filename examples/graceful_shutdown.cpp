// The orderly end: what was queued for a client reaches it, and it learns why the connection ends.
//
// Try it:  build/examples/graceful_shutdown

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <variant>

namespace sc = strandcast;

constexpr int events = 100;

/// The reason of the next end of the connection.
asio::awaitable<std::optional<sc::CloseReason>> nextEnd(sc::EventStream<sc::Lifecycle>& lifecycle)
{
    while (const auto happened = co_await lifecycle.next())
        if (const auto* const end = std::get_if<sc::Disconnected>(&*happened)) co_return end->reason;
    co_return std::nullopt;
}

asio::awaitable<void> gracefulShutdown(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    co_await server.start();
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    auto lifecycle = client.lifecycle();
    co_await client.connect();
    auto work = (co_await client.subscribe("work")).withoutGaps();
    for (int number = 1; number <= events; ++number) co_await router.publish("work", {{"number", number}});

    //! [server]
    co_await server.shutdown();  // when it returns, every strand of the server has ended
    //! [server]
    const auto reason = co_await nextEnd(lifecycle);
    fmt::print("the server said: {} {}\n", static_cast<int>(reason->code), reason->text);
    example::require(reason->code == sc::CloseCode::goingAway, "clients get 1001");

    //! [client]
    co_await client.disconnect();  // ends its streams; what they hold can still be read
    //! [client]
    int received = 0;
    while (co_await work.next()) ++received;
    fmt::print("{} events came before it\n", received);
    example::require(received == events, "what was queued has come");
}

int main()
{
    return example::run(gracefulShutdown);
}
