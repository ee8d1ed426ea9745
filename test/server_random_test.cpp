#include "support/served.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

asio::awaitable<void> pause(asio::io_context& io, std::chrono::microseconds time)
{
    asio::steady_timer timer(io, time);
    co_await timer.async_wait(asio::use_awaitable);
}

// One client of a system in use: it authenticates, subscribes, publishes along a slow route, and leaves in
// one of several ways, whenever it has done as many steps as it is given.
asio::awaitable<void> visit(asio::io_context& io, std::uint16_t port, unsigned seed, std::size_t& orderly)
{
    std::minstd_rand random(seed);
    RawPeer peer(io);
    const auto steps = random() % 8;
    for (unsigned step = 0; step < steps; ++step)
    {
        switch (step)
        {
        case 0: co_await peer.connect(port); break;
        case 1: co_await peer.upgrade(); break;
        case 2: co_await peer.send(request("auth", "a", R"("token":"t")")); break;
        case 3: co_await peer.send(request("subscribe", "s", R"("topics":["t.*","#"])")); break;
        case 4:
            co_await peer.send(request("publish", "p", R"("topic":"t.slow","data":1,"broadcast":true)"));
            break;
        case 5: co_await peer.send(request("publish", "p", R"("topic":"t.fast","data":2)")); break;
        default: co_await pause(io, std::chrono::microseconds(random() % 500)); break;
        }
        if (random() % 4 == 0) co_await pause(io, std::chrono::microseconds(random() % 2'000));
    }
    if (steps < 2) co_return;
    switch (random() % 4)
    {
    case 0: peer.reset(); break;
    case 1: peer.close(); break;
    case 2:
        peer.halfClose();
        co_await peer.rest();
        break;
    default:
        co_await peer.leave();
        ++orderly;
        break;
    }
}

asio::awaitable<void> visitWhateverHappens(asio::io_context& io, std::uint16_t port, unsigned seed,
                                           std::size_t& orderly)
{
    try
    {
        co_await visit(io, port, seed, orderly);
    }
    catch (const std::exception&)
    {
        // The server may be gone, or close first.
    }
}

WSServerOptions inUse(asio::io_context& io)
{
    auto options = onFreePort();
    options.maxHandshakes = 3;
    options.authenticate = [&io](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    {
        co_await pause(io, 200us);
        co_return true;
    };
    return options;
}

RouteConfig slowRoute(asio::io_context& io)
{
    return {
        "t.slow", [&io](const RoutedPublish&) -> asio::awaitable<void> { co_await pause(io, 300us); }, {}};
}

}  // namespace

TEST_CASE("a thousand clients come and go in every way, and leave nothing behind")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            Served served(io, inUse(io));
            served.router.emplace(served.server);
            co_await served.server.start();
            co_await served.router->route(slowRoute(io));
            std::size_t orderly = 0;
            std::size_t running = 0;
            std::size_t ended = 0;
            asio::steady_timer changed(io, asio::steady_timer::time_point::max());
            for (unsigned seed = 1; seed <= 1'000; ++seed)
            {
                while (running >= 20)
                {
                    asio::error_code woken;
                    co_await changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
                }
                ++running;
                asio::co_spawn(io, visitWhateverHappens(io, served.server.port(), seed, orderly),
                               [&](std::exception_ptr)
                               {
                                   --running;
                                   ++ended;
                                   changed.cancel();
                               });
            }
            while (running > 0)
            {
                asio::error_code woken;
                co_await changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            }
            CHECK(ended == 1'000);
            CHECK(orderly > 50);
            // The last ends may be on their way still; then nobody is left, nor any subscription of theirs.
            for (int turn = 0; turn < 1'000; ++turn)
            {
                const auto clients = co_await served.server.getConnectedClients();
                if (clients.empty()) break;
                co_await pause(io, 1ms);
            }
            const auto clients = co_await served.server.getConnectedClients();
            CHECK(clients.empty());
            const auto subscriptions = co_await served.router->getAllSubscriptions();
            CHECK(subscriptions.empty());
            co_await served.server.shutdown();
        });
}

TEST_CASE("operations that are cancelled at random moments break no connection")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const auto ack = co_await peer.ask(request("subscribe", "s", R"("topics":["t"])"));
                   CHECK(brief(ack) == "ack s");
                   std::minstd_rand random(3);
                   std::size_t ended = 0;
                   for (int number = 0; number < 200; ++number)
                   {
                       asio::cancellation_signal cancel;
                       asio::steady_timer done(served.io, asio::steady_timer::time_point::max());
                       asio::co_spawn(
                           served.io,
                           [&]() -> asio::awaitable<void>
                           {
                               co_await served.router->publish("t", Json(1));
                               co_await pause(served.io, 100us);
                               co_await served.server.getConnectedClients();
                           },
                           asio::bind_cancellation_slot(cancel.slot(),
                                                        [&](std::exception_ptr)
                                                        {
                                                            ++ended;
                                                            done.cancel();
                                                        }));
                       if (random() % 2 == 0)
                           co_await pause(served.io, std::chrono::microseconds(random() % 150));
                       cancel.emit(asio::cancellation_type::terminal);
                       asio::error_code woken;
                       if (ended <= static_cast<std::size_t>(number))
                           co_await done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
                   }
                   CHECK(ended == 200);
                   co_await peer.send(request("ping", "p"));
                   std::size_t expected = 0;
                   for (;;)
                   {
                       const auto message = co_await peer.message();
                       if (brief(message) == "pong p") break;
                       CHECK(brief(message).starts_with(fmt::format("event t {}", ++expected)));
                   }
               });
}

TEST_CASE("server, router and io_context may be destroyed in each order, at any moment")
{
    enum class Order
    {
        serverFirst,
        routerFirst,
        contextWithBoth,
    };
    for (const auto order : {Order::serverFirst, Order::routerFirst, Order::contextWithBoth})
        for (std::size_t moment = 0; moment < 50; ++moment)
        {
            CAPTURE(moment);
            std::size_t orderly = 0;
            auto io = std::make_unique<asio::io_context>(1);
            auto server = std::make_unique<WSServer>(*io, inUse(*io));
            auto router = std::make_unique<WSRouter>(*server);
            bool started = false;
            asio::co_spawn(
                *io,
                [&]() -> asio::awaitable<void>
                {
                    co_await server->start();
                    co_await router->route(slowRoute(*io));
                    started = true;
                },
                asio::detached);
            while (!started && io->run_one() > 0)
            {
            }
            for (unsigned seed = 0; seed < 4; ++seed)
                asio::co_spawn(*io, visitWhateverHappens(*io, server->port(), 7 * seed + 5, orderly),
                               asio::detached);
            for (std::size_t handler = 0; handler < moment * 7; ++handler)
                if (io->run_one_for(1ms) == 0) break;
            switch (order)
            {
            case Order::serverFirst:
                server.reset();
                if (moment % 2 == 0) io->run_for(1ms);
                router.reset();
                break;
            case Order::routerFirst:
                router.reset();
                if (moment % 2 == 0) io->run_for(1ms);
                server.reset();
                break;
            case Order::contextWithBoth:
                server.reset();
                router.reset();
                break;
            }
            if (moment % 3 == 0) io->run_for(5ms);
            io.reset();
        }
}
