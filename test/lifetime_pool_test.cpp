#include "support/outcome.hpp"
#include "support/pooled.hpp"

#include <strandcast/agent_server.hpp>
#include <strandcast/error.hpp>
#include <strandcast/shard_pool.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

constexpr unsigned threads = 4;

/// Everything that an application may use from all of its threads.
struct Shared
{
    const ShardPool pool{3};
    std::optional<WSServer> server;
    std::optional<WSRouter> router;
    std::optional<AgentChannelServer> channel;
    std::optional<WSClient> client;  // one that all threads use
    std::atomic<std::size_t> done = 0;

    Shared()
    {
        server.emplace(pool, options());
        router.emplace(*server, RouterOptions{.queueSize = 100, .retain = {{"t.#"}}});
        channel.emplace(*router);
    }

    [[nodiscard]] WSClientOptions clientOptions() const
    {
        const auto port = server->port();  // of no server while that is down
        return {.url = fmt::format("ws://127.0.0.1:{}", port == 0 ? 1 : port),
                .token = "t",
                .closeTimeout = 100ms,
                .reconnect = false};
    }

private:
    static WSServerOptions options()
    {
        auto options = onFreePort({.rateLimit = std::nullopt});
        options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
        {
            co_await turnsOfLoop(1);
            co_return Authentication{.accepted = true, .identity = "someone"};
        };
        options.authorize = [](const ClientInfo&, Action, std::string) -> asio::awaitable<bool>
        {
            co_await turnsOfLoop(1);
            co_return true;
        };
        return options;
    }
};

/// Runs a part of an application on this thread, on a context of its own.
void runHere(asio::awaitable<void> part)
{
    runToEnd([&](asio::io_context&) -> asio::awaitable<void> { return std::move(part); });
}

/// One call of any kind. What it ends with depends on what the others do.
asio::awaitable<void> callOnce(Shared& shared, WSClient& own, std::minstd_rand& random)
{
    auto& client = random() % 2 == 0 ? own : *shared.client;
    switch (random() % 14)
    {
    case 0: co_await client.publish("t.a", Json(1), Broadcast::yes); break;
    case 1: static_cast<void>(co_await client.subscribe({"t.*"})); break;
    case 2: co_await client.unsubscribe({"t.*"}); break;
    case 3: static_cast<void>(co_await client.sendAndWait(PingMessage{})); break;
    case 4: co_await client.publish("agent.a-1.status", Json::parse(R"({"agentId":"a-1"})")); break;
    case 5: co_await shared.router->publish("t.b", Json(std::string(1'000, 'x'))); break;
    case 6: static_cast<void>(co_await shared.router->getAllSubscriptions()); break;
    case 7: co_await shared.channel->publishStatusChange({.agentId = "a-1"}); break;
    case 8: co_await shared.server->broadcast(EventMessage{.topic = "note"}); break;
    case 9:
        co_await shared.router->route(
            {"t.a", [](const RoutedPublish&) -> asio::awaitable<void> { co_await turnsOfLoop(1); }, {}});
        break;
    case 10: co_await shared.router->unroute("t.a"); break;
    case 11:
    {
        auto events = shared.server->events();
        static_cast<void>(events.tryNext());
        break;
    }
    default:
        for (const auto& id : co_await shared.server->getConnectedClients())
        {
            static_cast<void>(co_await shared.server->getClient(id));
            co_await shared.server->sendMessage(id, EventMessage{.topic = "note"});
            if (random() % 16 == 0) co_await shared.server->disconnectClient(id);
        }
        break;
    }
}

asio::awaitable<void> useAll(Shared& shared, unsigned seed, int calls)
{
    std::minstd_rand random(seed);
    std::optional<WSClient> own;
    for (int call = 0; call < calls; ++call)
    {
        const bool anew = !own || random() % 20 == 0;
        if (anew) own.emplace(shared.pool.nextExecutor(), shared.clientOptions());
        const auto outcome = co_await outcomeOf(anew ? own->connect() : callOnce(shared, *own, random));
        if (outcome.went()) ++shared.done;
    }
}

template <typename T>
asio::awaitable<void> read(EventStream<T> stream, std::atomic<std::size_t>& count)
{
    while (co_await stream.next()) ++count;
}

asio::awaitable<void> startAll(Shared& shared)
{
    co_await shared.server->start();
    shared.client.emplace(shared.pool.nextExecutor(), shared.clientOptions());
    co_await shared.client->connect();
}

/// One application on several threads, each of which reads streams beside its calls.
class Application
{
public:
    Application(Shared& shared, int calls)
    {
        for (unsigned thread = 0; thread < threads; ++thread)
        {
            callers_.emplace_back([&shared, thread, calls] { runHere(useAll(shared, thread + 1, calls)); });
            readers_.emplace_back(
                [this, server = shared.server->events(), router = shared.router->events(),
                 channel = shared.channel->statusChanges(), client = shared.client->events()]() mutable
                {
                    runToEnd(
                        [&](asio::io_context& io) -> asio::awaitable<void>
                        {
                            const Beside ofRouter(io.get_executor(), read(std::move(router), heard_));
                            const Beside ofChannel(io.get_executor(), read(std::move(channel), heard_));
                            const Beside ofClient(io.get_executor(), read(std::move(client), heard_));
                            co_await read(std::move(server), heard_);
                        });
                });
        }
    }
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;
    ~Application()
    {
        for (auto& thread : readers_) thread.join();
    }

    /// Its calls have ended; its streams are read on.
    void awaitCalls()
    {
        for (auto& thread : callers_) thread.join();
        callers_.clear();
    }

    [[nodiscard]] std::size_t heard() const noexcept { return heard_; }

private:
    std::atomic<std::size_t> heard_ = 0;
    std::vector<std::thread> callers_;
    std::vector<std::thread> readers_;
};

}  // namespace

TEST_CASE("an application on several threads may call everything, while its streams are read elsewhere")
{
    Shared shared;
    runHere(startAll(shared));
    Application application(shared, 150);
    application.awaitCalls();
    CHECK(shared.done > threads * 20);
    runHere(shared.server->shutdown());
    shared.server.reset();
    shared.channel.reset();
    shared.router.reset();
    shared.client.reset();
}

TEST_CASE("a pool's server may shut down, start and shut down again in the middle of all calls")
{
    Shared shared;
    runHere(startAll(shared));
    Application application(shared, 100);
    for (int round = 0; round < 5; ++round)
    {
        runHere(shared.server->shutdown());
        runHere(shared.server->start());
    }
    application.awaitCalls();
    runHere(shared.server->shutdown());
    shared.client.reset();
    shared.router.reset();
    shared.channel.reset();
    shared.server.reset();
}

TEST_CASE("starts and shutdowns that overlap on several threads leave a server that can be started")
{
    const ShardPool pool(3);
    WSServer server(pool, onFreePort());
    for (int round = 0; round < 10; ++round)
    {
        std::vector<std::thread> callers;
        for (unsigned thread = 0; thread < threads; ++thread)
            callers.emplace_back(
                [&server, seed = thread + 7 * static_cast<unsigned>(round)]
                {
                    runToEnd(
                        [&](asio::io_context&) -> asio::awaitable<void>
                        {
                            std::minstd_rand random(seed);
                            for (int call = 0; call < 10; ++call)
                            {
                                const auto outcome = co_await outcomeOf(
                                    random() % 2 == 0 ? server.start() : server.shutdown());
                                CHECK((outcome.went() || outcome.errc == Errc::alreadyRunning));
                            }
                        });
                });
        for (auto& caller : callers) caller.join();
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                co_await server.shutdown();
                CHECK(server.port() == 0);
                co_await server.start();
                RawPeer peer(io);
                co_await peer.join(server.port());
                CHECK(co_await peer.leave() == "1000");
                co_await server.shutdown();
            });
    }
}

TEST_CASE("what a pool's server was asked for when it goes ends on every thread, whatever goes first")
{
    for (unsigned round = 0; round < 12; ++round)
    {
        CAPTURE(round);
        Shared shared;
        runHere(startAll(shared));
        std::vector<std::thread> callers;
        std::atomic<unsigned> begun = 0;
        for (unsigned thread = 0; thread < threads; ++thread)
            callers.emplace_back(
                [&begun, start = shared.server->shutdown(), publish = shared.router->publish("t", Json(1)),
                 ping = shared.client->sendAndWait(PingMessage{}),
                 status = shared.channel->publishStatusChange({.agentId = "a-1"}),
                 events = shared.client->events()]() mutable
                {
                    runToEnd(
                        [&](asio::io_context& io) -> asio::awaitable<void>
                        {
                            ++begun;
                            const auto executor = io.get_executor();
                            std::atomic<std::size_t> heard = 0;
                            Beside one(executor, std::move(start));
                            Beside two(executor, std::move(publish));
                            Beside three(executor, std::move(ping));
                            Beside four(executor, std::move(status));
                            co_await read(std::move(events), heard);
                            for (auto* const call : {&one, &two, &three, &four}) co_await call->ended();
                        });
                });
        while (begun < round % (threads + 1)) std::this_thread::yield();
        for (unsigned part = 0; part < 4; ++part) switch ((round + part) % 4)
            {
            case 0: shared.server.reset(); break;
            case 1: shared.router.reset(); break;
            case 2: shared.channel.reset(); break;
            default: shared.client.reset(); break;
            }
        for (auto& caller : callers) caller.join();
    }
}
