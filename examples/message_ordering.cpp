// A topic's events come in one order for everybody, numbered from 1 without holes, whoever published them.
//
// Try it:  build/examples/message_ordering

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace sc = strandcast;
using namespace asio::experimental::awaitable_operators;

constexpr int publishes = 50;  // of each client

asio::awaitable<void> speak(sc::WSClient& client, std::string name)
{
    for (int count = 1; count <= publishes; ++count)
        co_await client.publish("talk", {{"from", name}, {"count", count}});
}

//! [listen]
asio::awaitable<std::uint64_t> listenInOrder(sc::EventStream<sc::Delivery> events, std::uint64_t last)
{
    std::uint64_t expected = 1;
    while (expected <= last)
    {
        const auto delivery = co_await events.next();
        if (!delivery) break;
        const auto& event = std::get<sc::EventMessage>(*delivery);  // a Gap would be a hole, in its place
        example::require(event.sequenceNumber == expected++, "the numbers have no hole");
        if (expected % 25 == 0) fmt::print("sequence {}: {}\n", *event.sequenceNumber, event.data->text());
    }
    co_return expected - 1;
}
//! [listen]

asio::awaitable<void> messageOrdering(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    co_await server.start();
    const auto url = fmt::format("ws://127.0.0.1:{}", server.port());
    sc::WSClient one(io, {.url = url});
    sc::WSClient other(io, {.url = url});
    sc::WSClient listener(io, {.url = url});
    co_await one.connect();
    co_await other.connect();
    co_await listener.connect();
    auto events = co_await listener.subscribe("talk");

    co_await (speak(one, "one") && speak(other, "other"));
    const auto heard = co_await listenInOrder(std::move(events), 2 * publishes);
    example::require(heard == 2 * publishes, "every event came");

    co_await listener.disconnect();
    co_await one.disconnect();
    co_await other.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(messageOrdering);
}
