// A client that takes less than it is sent costs the server its bound and no more: the oldest of what waits
// for it is dropped, counted and told, and seen by the client as a hole in the numbers.
//
// Try it:  build/examples/backpressure

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/detached.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <variant>

namespace sc = strandcast;

constexpr std::uint64_t burst = 1'000;

asio::awaitable<void> publish(sc::WSRouter& router, std::uint64_t number)
{
    co_await router.publish("load", {{"number", number}});
}

asio::awaitable<void> backpressure(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    //! [router]
    sc::RouterOptions options;
    options.queueSize = 100;                              // events that wait for one client
    options.queueBytes = 256 * 1024;                      // and bytes of them
    options.backpressure = sc::Backpressure::dropOldest;  // or dropNewest, conflate, disconnect
    sc::WSRouter router(server, options);
    //! [router]
    //! [listen]
    auto drops = router.events<sc::MessageDropped>();
    //! [listen]
    co_await server.start();
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    co_await client.connect();
    auto events = co_await client.subscribe("load");

    // All at once: more than the queue holds before the loop gets to write any of it.
    for (std::uint64_t number = 1; number <= burst; ++number)
        asio::co_spawn(io, publish(router, number), asio::detached);

    std::uint64_t received = 0;
    std::uint64_t last = 0;
    while (last < burst)
    {
        const auto delivery = co_await events.next();
        const auto& event = std::get<sc::EventMessage>(delivery.value());
        ++received;
        last = event.sequenceNumber.value();
    }

    const auto clients = co_await server.getConnectedClients();
    const auto info = co_await server.getClient(clients.front());
    fmt::print("{} delivered, {} dropped\n", info->eventsDelivered, info->eventsDropped);
    example::require(info->eventsDropped > 0, "the queue was full");
    example::require(received + info->eventsDropped == burst, "what was not dropped has come");

    //! [dropped]
    while (const auto lost = drops.tryNext())
        fmt::print("dropped for {}: an event of {}\n", lost->clientId, lost->topic);
    //! [dropped]

    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(backpressure);
}
