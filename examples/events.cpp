// What happens in a server and in a client, told by streams: a client connects, subscribes and publishes, its
// connection is lost and replaced, and both end.
//
// Try it:  build/examples/events

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <chrono>
#include <variant>

namespace sc = strandcast;
using namespace std::chrono_literals;

//! [server]
struct TellOfServer
{
    void operator()(const sc::Started& it) const { fmt::print("server: listens on port {}\n", it.port); }
    void operator()(const sc::Connection& it) const { fmt::print("server: {} connects\n", it.clientId); }
    void operator()(const sc::Authenticated& it) const { fmt::print("server: {} is let in\n", it.clientId); }
    void operator()(const sc::Subscribe& it) const { fmt::print("server: it wants {}\n", it.topics.at(0)); }
    void operator()(const sc::Unsubscribe& it) const { fmt::print("server: no more {}\n", it.topics.at(0)); }
    void operator()(const sc::Publish& it) const { fmt::print("server: an event of {}\n", it.topic); }
    void operator()(const sc::Disconnect& it) const { fmt::print("server: it goes: {}\n", it.reason.text); }
    void operator()(const sc::Refused& it) const { fmt::print("server: not let in: {}\n", it.reason); }
    void operator()(const sc::ServerError& it) const { fmt::print("server: {}\n", it.what); }
};
//! [server]

//! [client]
struct TellOfClient
{
    void operator()(const sc::Connected& it) const { fmt::print("client: connected to {}\n", it.url); }
    void operator()(const sc::Authenticated&) const { fmt::print("client: authenticated\n"); }
    void operator()(const sc::Disconnected& it) const { fmt::print("client: lost: {}\n", it.reason.text); }
    void operator()(const sc::Reconnecting& it) const { fmt::print("client: attempt {}\n", it.attempt); }
    void operator()(const sc::Pong& it) const { fmt::print("client: {} ms away\n", it.latency.count()); }
    void operator()(const sc::ClientError& it) const { fmt::print("client: {}\n", it.text); }
};
//! [client]

/// Tells until the client is connected and authenticated.
asio::awaitable<void> tellUntilLetIn(sc::EventStream<sc::Lifecycle>& lifecycle)
{
    while (const auto happened = co_await lifecycle.next())
    {
        std::visit(TellOfClient(), *happened);
        if (std::holds_alternative<sc::Authenticated>(*happened)) co_return;
    }
}

asio::awaitable<void> events(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    //! [reconnect]
    sc::WSClientOptions options;
    options.reconnect = true;
    options.reconnectInterval = 20ms;  // the first wait is anything up to it: no herd forms
    options.reconnectFactor = 2;
    options.reconnectMaxInterval = 60s;
    //! [reconnect]

    //! [streams]
    auto serverEvents = server.events();  // or of one kind: server.events<sc::Disconnect>()
    co_await server.start();
    options.url = fmt::format("ws://127.0.0.1:{}", server.port());
    sc::WSClient client(io, options);
    auto lifecycle = client.lifecycle();
    //! [streams]

    co_await client.connect();
    co_await tellUntilLetIn(lifecycle);
    auto work = (co_await client.subscribe("work")).withoutGaps();
    co_await client.publish("work", 1, sc::Broadcast::yes);
    example::require((co_await work.next()).has_value(), "its own event comes back");

    const auto clients = co_await server.getConnectedClients();
    co_await server.disconnectClient(clients.at(0), {sc::CloseCode::serviceRestart, "come again"});
    co_await tellUntilLetIn(lifecycle);
    co_await client.publish("work", 2, sc::Broadcast::yes);
    example::require((co_await work.next()).has_value(), "it is subscribed again");

    co_await client.unsubscribe("work");
    co_await client.disconnect();
    while (const auto happened = lifecycle.tryNext()) std::visit(TellOfClient(), *happened);
    co_await server.shutdown();
    int told = 0;
    for (; const auto happened = serverEvents.tryNext(); ++told) std::visit(TellOfServer(), *happened);
    example::require(told >= 11, "the server's side of it is told as well");
}

int main()
{
    return example::run(events);
}
