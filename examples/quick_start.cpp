// A server, a router and a client in one process: the client subscribes to patterns, the server publishes,
// the client prints what comes.
//
// Try it:  build/examples/quick_start

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <variant>

namespace sc = strandcast;

//! [listen]
asio::awaitable<void> listen(sc::EventStream<sc::Delivery> events, int count)
{
    while (count-- > 0)
    {
        const auto delivery = co_await events.next();
        if (!delivery) co_return;  // the stream has ended
        if (const auto* event = std::get_if<sc::EventMessage>(&*delivery))
            fmt::print("received {} #{}: {}\n", event->topic, *event->sequenceNumber, event->data->text());
    }
}
//! [listen]

asio::awaitable<void> quickStart(asio::io_context& io)
{
    //! [server]
    sc::WSServerOptions options;
    options.port = 0;  // the system chooses one
    options.authenticate = [](std::string token,
                              std::optional<sc::Json>) -> asio::awaitable<sc::Authentication>
    { co_return token == "valid-token"; };

    sc::WSServer server(io, options);
    sc::WSRouter router(server);
    co_await server.start();
    //! [server]

    //! [client]
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port()), .token = "valid-token"});
    co_await client.connect();
    auto events = co_await client.subscribe({"agent.*.status", "task.#"});
    //! [client]

    //! [publish]
    co_await router.publish("agent.7.status", {{"agentId", "7"}, {"status", "busy"}});
    co_await router.publish("task.1.progress", {{"taskId", "1"}, {"progress", 50}});
    //! [publish]

    co_await listen(std::move(events), 2);
    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(quickStart);
}
