#include "support/run.hpp"

#include <strandcast/ws_client.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <exception>
#include <memory>
#include <random>
#include <string>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

constexpr int rounds = 1'000;

/// Everything that a client does, once. Its owner may let it go in the middle: what is awaited then ends, and
/// nothing more is asked of it.
asio::awaitable<void> live(const std::unique_ptr<WSClient>& client, std::string topic)
{
    co_await client->connect();
    if (!client) co_return;
    auto events = co_await client->subscribe({topic, "all.#"});
    if (!client) co_return;
    co_await client->publish(topic, {{"n", 1}}, Broadcast::yes);
    const auto event = co_await events.next();
    if (!client) co_return;
    CHECK(event);
    co_await client->sendAndWait(PingMessage());
    if (!client) co_return;
    co_await client->unsubscribe(topic);
    if (!client) co_return;
    co_await client->disconnect();
}

/// What may come of it when it is cancelled, or its client goes: a clear error.
void checkOutcome(std::exception_ptr failure, bool mayFail)
{
    if (!failure) return;
    CHECK(mayFail);
    try
    {
        std::rethrow_exception(failure);
    }
    catch (const std::system_error& error)
    {
        CHECK((error.code() == Errc::cancelled || error.code() == Errc::disconnected ||
               error.code() == asio::error::operation_aborted));
    }
}

asio::awaitable<void> waitUntilEmpty(const WSServer& server)
{
    for (;;)
    {
        const auto clients = co_await server.getConnectedClients();
        if (clients.empty()) co_return;
    }
}

}  // namespace

TEST_CASE("a thousand clients that are cancelled, or go, at random moments leave nothing behind")
{
    std::mt19937 random(1);
    std::array<int, 3> ends{};  // by cancellation, by going, by themselves
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0, .closeTimeout = 200ms, .rateLimit = std::nullopt});
            WSRouter router(server);
            co_await server.start();
            for (int round = 0; round < rounds; ++round)
            {
                auto client = std::make_unique<WSClient>(
                    io, WSClientOptions{.url = fmt::format("ws://127.0.0.1:{}", server.port()),
                                        .closeTimeout = 200ms});
                const auto how = random() % 3;
                asio::cancellation_signal cancel;
                bool ended = false;
                asio::co_spawn(io, live(client, fmt::format("own.{}", round)),
                               asio::bind_cancellation_slot(cancel.slot(),
                                                            [&, how](std::exception_ptr failure)
                                                            {
                                                                ended = true;
                                                                checkOutcome(failure, how != 2);
                                                            }));
                for (auto turns = random() % 80; turns > 0 && !ended; --turns)
                    co_await asio::post(io, asio::use_awaitable);
                if (!ended) ++ends[how];
                if (how == 0) cancel.emit(asio::cancellation_type::terminal);
                if (how == 1 && !ended) client.reset();
                while (!ended) co_await asio::post(io, asio::use_awaitable);
                if (client) co_await client->disconnect();
            }
            co_await waitUntilEmpty(server);
            const auto subscriptions = co_await router.getAllSubscriptions();
            CHECK(subscriptions.empty());
            co_await server.shutdown();
        });
    for (const int count : ends) CHECK(count > rounds / 10);
}

TEST_CASE("a context that goes first takes server, router, clients and whatever runs with it")
{
    std::mt19937 random(2);
    for (int round = 0; round < 200; ++round)
    {
        auto io = std::make_unique<asio::io_context>(1);
        auto server = std::make_unique<WSServer>(*io, WSServerOptions{.port = 0});
        auto router = std::make_unique<WSRouter>(*server);
        std::unique_ptr<WSClient> client;
        asio::co_spawn(
            *io,
            [&]() -> asio::awaitable<void>
            {
                if (!server) co_return;
                co_await server->start();
                if (!server) co_return;
                client = std::make_unique<WSClient>(
                    *io, WSClientOptions{.url = fmt::format("ws://127.0.0.1:{}", server->port())});
                co_await live(client, "own");
            },
            [](std::exception_ptr) {});
        for (auto turns = random() % 120; turns > 0; --turns) io->poll_one();
        // The handles go in any order; what they were handles on unwinds with the context.
        if (random() % 2 == 0) router.reset();
        if (random() % 2 == 0) client.reset();
        server.reset();
        router.reset();
        client.reset();
        for (auto turns = random() % 20; turns > 0; --turns) io->poll_one();
        io.reset();
    }
}
