// A server, a router and a client in one process: the client subscribes to a pattern, the server publishes,
// the client prints what comes.
//
// Try it:  build/examples/quick_start

#include <strandcast/strandcast.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

namespace sc = strandcast;

asio::awaitable<void> quickStart(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});  // the system chooses a port
    sc::WSRouter router(server);
    co_await server.start();

    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    co_await client.connect();
    auto events = co_await client.subscribe({"agent.*.status", "task.#"});

    co_await router.publish("agent.7.status", {{"agentId", "7"}, {"status", "busy"}});
    co_await router.publish("task.1.progress", {{"taskId", "1"}, {"progress", 50}});

    for (int count = 0; count < 2; ++count)
    {
        const auto delivery = co_await events.next();
        if (!delivery) break;  // the stream has ended
        if (const auto* event = std::get_if<sc::EventMessage>(&*delivery))
            fmt::print("{} #{}: {}\n", event->topic, event->sequenceNumber.value(), event->data->text());
    }
    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    asio::io_context io;
    asio::co_spawn(io, quickStart(io),
                   [](std::exception_ptr failure)
                   {
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run();
}
