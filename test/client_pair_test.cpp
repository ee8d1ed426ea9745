#include "support/run.hpp"

#include <strandcast/ws_client.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace strandcast;

namespace
{

struct System
{
    WSServer server;
    WSRouter router;

    explicit System(asio::io_context& io, WSServerOptions options = {}, RouterOptions routerOptions = {})
        : server(io, withFreePort(std::move(options))),
          router(server, std::move(routerOptions))
    {
    }

    static WSServerOptions withFreePort(WSServerOptions options)
    {
        options.port = 0;
        options.rateLimit.reset();
        return options;
    }

    [[nodiscard]] std::string url() const { return fmt::format("ws://127.0.0.1:{}", server.port()); }
};

}  // namespace

TEST_CASE(
    "what one client publishes another that subscribed to a pattern receives, in order and with numbers")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            System system(io);
            co_await system.server.start();
            WSClient listener(io, {.url = system.url()});
            WSClient speaker(io, {.url = system.url()});
            co_await listener.connect();
            co_await speaker.connect();
            auto events = co_await listener.subscribe({"agent.*.status"});
            for (int number = 1; number <= 100; ++number)
                co_await speaker.publish("agent.7.status", {{"number", number}});
            for (int number = 1; number <= 100; ++number)
            {
                const auto delivery = co_await events.next();
                REQUIRE(delivery);
                const auto& event = std::get<EventMessage>(*delivery);
                CHECK(event.topic == "agent.7.status");
                CHECK(event.sequenceNumber == number);
                CHECK(event.data->text() == fmt::format(R"({{"number":{}}})", number));
            }
            co_await speaker.disconnect();
            co_await listener.disconnect();
            const auto end = co_await events.next();
            CHECK_FALSE(end);
            co_await system.server.shutdown();
        });
}
