#include "support/raw_peer.hpp"
#include "support/served.hpp"

#include <strandcast/agent_server.hpp>
#include <strandcast/error.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// What a part of the application meets whose server, router or client has gone.
struct Gone
{
};

template <typename T>
T& need(const std::unique_ptr<T>& handle)
{
    if (!handle) throw Gone();
    return *handle;
}

asio::awaitable<void> turns(int count)
{
    for (int turn = 0; turn < count; ++turn)
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

WSServerOptions withSlowHooks()
{
    auto options = onFreePort({.rateLimit = std::nullopt});
    options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    {
        co_await turns(2);
        co_return Authentication{.accepted = true, .identity = "someone"};
    };
    options.authorize = [](const ClientInfo&, Action, std::string) -> asio::awaitable<bool>
    {
        co_await turns(1);
        co_return true;
    };
    return options;
}

/// One context for everything, or one each for the application, the server and the clients.
class Contexts
{
public:
    explicit Contexts(std::size_t count)
    {
        for (std::size_t index = 0; index < count; ++index)
            contexts_.push_back(std::make_unique<asio::io_context>(1));
    }

    [[nodiscard]] asio::io_context& application() const { return *contexts_.front(); }
    [[nodiscard]] asio::io_context& server() const { return *contexts_[1 % contexts_.size()]; }
    [[nodiscard]] asio::io_context& client() const { return *contexts_[2 % contexts_.size()]; }

    /// Runs a handler of one after the other.
    /// @returns false where nothing was there to run for so long.
    bool runOne(std::chrono::milliseconds limit)
    {
        const auto end = std::chrono::steady_clock::now() + limit;
        do {
            for (std::size_t tried = 0; tried < contexts_.size(); ++tried)
            {
                auto& io = *contexts_[next_++ % contexts_.size()];
                io.restart();
                if (io.poll_one() > 0) return true;
            }
            if (hasStopped()) return false;
            std::this_thread::yield();
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }

    /// Whether no work is left.
    [[nodiscard]] bool hasStopped() const
    {
        return std::ranges::all_of(contexts_, [](const auto& io) { return io->stopped(); });
    }

private:
    std::vector<std::unique_ptr<asio::io_context>> contexts_;
    std::size_t next_ = 0;
};

/// A server, a router, a channel's server half and a client in use: every kind of strand runs at some moment.
/// The application's coroutines refer to it, and touch nothing of it when they are destroyed.
class InUse
{
public:
    explicit InUse(const Contexts& contexts)
        : io(contexts.application()),
          clientIo(contexts.client()),
          server(std::make_unique<WSServer>(contexts.server(), withSlowHooks())),
          router(std::make_unique<WSRouter>(*server, RouterOptions{.queueSize = 3, .retain = {{"t.#"}}})),
          channel(std::make_unique<AgentChannelServer>(*router))
    {
        begin(read(server->events()));
        begin(read(router->events()));
        begin(read(channel->statusChanges()));
        begin(use());
    }

    /// Whether the application has done all that it does.
    [[nodiscard]] bool isDone() const noexcept { return done; }
    /// How many of its coroutines have not ended.
    [[nodiscard]] int running() const noexcept { return running_; }

    static constexpr std::size_t handles = 4;

    void destroy(std::size_t handle)
    {
        switch (handle)
        {
        case 0: server.reset(); break;
        case 1: router.reset(); break;
        case 2: channel.reset(); break;
        default: client.reset(); break;
        }
    }

private:
    void begin(asio::awaitable<void> part)
    {
        ++running_;
        asio::co_spawn(io, untilGone(std::move(part)), asio::detached);
    }

    asio::awaitable<void> untilGone(asio::awaitable<void> part)
    {
        try
        {
            co_await std::move(part);
        }
        catch (const Gone&)
        {
        }
        catch (const Error& error)
        {
            const auto errc = error.errc();
            CHECK_MESSAGE((errc == Errc::cancelled || errc == Errc::disconnected ||
                           errc == Errc::connectFailed || errc == Errc::refused),
                          error.what());
        }
        --running_;
    }

    template <typename T>
    static asio::awaitable<void> read(EventStream<T> stream)
    {
        while (co_await stream.next())
        {
        }
    }

    asio::awaitable<void> use()
    {
        co_await need(server).start();
        co_await need(router).route(
            {"t.slow", [](const RoutedPublish&) -> asio::awaitable<void> { co_await turns(2); }, {}});
        begin(beDeaf());
        begin(beOfVersion1_1());
        const auto url = fmt::format("ws://127.0.0.1:{}", need(server).port());
        client =
            std::make_unique<WSClient>(io, WSClientOptions{.url = url, .token = "t", .closeTimeout = 100ms});
        begin(read(client->lifecycle()));
        co_await need(client).connect();
        begin(read(co_await need(client).subscribe({"t.#", "agent.*.status"})));
        begin(publishAlong("t.slow"));
        begin(publishAlong("t.fast"));
        begin(publishAlong("agent.a-1.status"));
        // More than the queue takes, and more than a socket does.
        const Json large = Json(std::string(64 * 1024, 'x'));
        for (int number = 0; number < 6; ++number) co_await need(router).publish("t.burst", large);
        co_await need(channel).publishStatusChange({.agentId = "a-1", .status = AgentStatus::busy});
        co_await need(client).sendAndWait(PingMessage{});
        const auto ids = co_await need(server).getConnectedClients();
        for (const auto& id : ids)
        {
            static_cast<void>(co_await need(server).getClient(id));
            co_await need(server).sendMessage(id, EventMessage{.topic = "note"});
        }
        static_cast<void>(co_await need(router).getAllSubscriptions());
        if (!ids.empty()) co_await need(server).disconnectClient(ids.front());
        deaf.reset();
        co_await need(client).unsubscribe({"t.#"});
        co_await need(client).disconnect();
        co_await need(server).shutdown();
        done = true;
    }

    asio::awaitable<void> publishAlong(std::string topic)
    {
        for (int number = 0; number < 3; ++number)
            co_await need(client).publish(topic, Json::parse(R"({"agentId":"a-1","status":"idle"})"),
                                          Broadcast::yes);
    }

    /// A client that never reads.
    asio::awaitable<void> beDeaf()
    {
        auto peer = std::make_unique<RawPeer>(io);
        try
        {
            co_await peer->join(need(server).port(), 4096);
            co_await peer->send(request("auth", "a", R"("token":"t")"));
            co_await peer->send(request("subscribe", "s", R"("topics":["t.#"])"));
            deaf = std::move(peer);
        }
        catch (const std::exception&)
        {
            // The server went.
        }
    }

    /// A client that has the last events first, and goes with its publishes on the way.
    asio::awaitable<void> beOfVersion1_1()
    {
        RawPeer peer(io);
        try
        {
            co_await peer.join(need(server).port());
            co_await peer.ask(request("version-negotiation", "n",
                                      R"("supportedVersions":["1.1.0"],"selectedVersion":"1.1.0",)"
                                      R"("session":"abcdefghijklmnopqrstuv")"));
            co_await peer.ask(request("auth", "a", R"("token":"t")"));
            co_await peer.ask(request("subscribe", "s", R"("topics":["t.#"],"last":2)"));
            for (int number = 0; number < 3; ++number)
                co_await peer.send(request("publish", "p", R"("topic":"t.slow")"));
            co_await turns(3);
            peer.reset();
        }
        catch (const std::exception&)
        {
            // The server went.
        }
    }

    asio::io_context& io;
    asio::io_context& clientIo;
    std::unique_ptr<WSServer> server;
    std::unique_ptr<WSRouter> router;
    std::unique_ptr<AgentChannelServer> channel;
    std::unique_ptr<WSClient> client;
    std::unique_ptr<RawPeer> deaf;
    int running_ = 0;
    bool done = false;
};

void runHandlers(Contexts& contexts, std::size_t count)
{
    for (std::size_t handler = 0; handler < count; ++handler)
        if (!contexts.runOne(200ms)) return;
}

/// The application goes on, without what has gone already, and ends.
void runToTheEnd(Contexts& contexts, const InUse& inUse)
{
    while (contexts.runOne(10s))
    {
    }
    CHECK(contexts.hasStopped());
    CHECK(inUse.running() == 0);
}

/// After how many handlers the application is done.
std::size_t handlersOfAll(std::size_t contextCount)
{
    Contexts contexts(contextCount);
    InUse inUse(contexts);
    std::size_t count = 0;
    while (!inUse.isDone() && count < 10'000 && contexts.runOne(1s)) ++count;
    REQUIRE(inUse.isDone());
    for (std::size_t handle = 0; handle < InUse::handles; ++handle) inUse.destroy(handle);
    runToTheEnd(contexts, inUse);
    return count;
}

using Order = std::array<std::size_t, InUse::handles>;

Order orderOf(std::size_t number)
{
    Order order{0, 1, 2, 3};
    for (number %= 24; number > 0; --number) std::ranges::next_permutation(order);
    return order;
}

/// Lets everything go after `moment` handlers, in an order of its own, and the application go on in between.
void destroyAfter(Contexts& contexts, InUse& inUse, std::size_t moment, std::size_t turn)
{
    runHandlers(contexts, moment);
    // Twelve moments side by side see all orders.
    const auto order = orderOf(moment % 12 * 2 + turn);
    for (const auto handle : order)
    {
        inUse.destroy(handle);
        runHandlers(contexts, (moment + turn) % 3);
    }
    // The client may have been made meanwhile.
    for (const auto handle : order) inUse.destroy(handle);
}

// The handles live in a coroutine of the context's own.
asio::awaitable<void> useInFrame(const Contexts& contexts)
{
    const InUse inUse(contexts);
    while (!inUse.isDone()) co_await turns(1);
}

}  // namespace

TEST_CASE(
    "server, router, channel server and client may go in each order, after each handler of what they do")
{
    const auto handlers = handlersOfAll(1);
    CHECK(handlers > 200);
    for (std::size_t moment = 0; moment <= handlers; ++moment)
        for (std::size_t turn = 0; turn < 2; ++turn)
        {
            CAPTURE(moment);
            CAPTURE(turn);
            Contexts contexts(1);
            InUse inUse(contexts);
            destroyAfter(contexts, inUse, moment, turn);
            // Otherwise all that has not unwound goes with the context.
            if ((moment + turn) % 2 == 0) runToTheEnd(contexts, inUse);
        }
}

TEST_CASE("the same where application, server and client have a context each")
{
    const auto handlers = handlersOfAll(3);
    for (std::size_t moment = 0; moment <= handlers; ++moment)
    {
        CAPTURE(moment);
        Contexts contexts(3);
        InUse inUse(contexts);
        destroyAfter(contexts, inUse, moment, moment / 12 % 2);
        runToTheEnd(contexts, inUse);
    }
}

TEST_CASE("a context may go after each handler, with server, router, channel server and client in its frames")
{
    const auto handlers = handlersOfAll(1);
    for (std::size_t moment = 0; moment <= handlers; ++moment)
    {
        CAPTURE(moment);
        Contexts contexts(1);
        asio::co_spawn(contexts.application(), useInFrame(contexts), asio::detached);
        runHandlers(contexts, moment);
    }
}

namespace
{

/// Where the application's own code is called in the middle of the library's work.
enum class Place
{
    authenticate,
    authorize,
    middleware,
    routeHandler,
};

/// Destroys the handles, one of them first, at a place of its choice.
class DestroyedInHook
{
public:
    DestroyedInHook(asio::io_context& io, Place place, std::size_t first, bool suspends)
        : place_(place),
          first_(first),
          suspends_(suspends),
          server_(std::make_unique<WSServer>(io, optionsWithHooks())),
          router_(std::make_unique<WSRouter>(*server_)),
          client_(io)
    {
    }

    asio::awaitable<void> use()
    {
        co_await server_->start();
        co_await router_->route({"t",
                                 [this](const RoutedPublish&) -> asio::awaitable<void>
                                 { return reach(Place::routeHandler); },
                                 {[this](const RoutedPublish&) -> asio::awaitable<bool>
                                  {
                                      co_await reach(Place::middleware);
                                      co_return true;
                                  }}});
        co_await client_.join(server_->port());
        co_await client_.send(request("auth", "a", R"("token":"t")"));
        co_await client_.send(request("subscribe", "s", R"("topics":["t"])"));
        co_await client_.send(request("publish", "p", R"("topic":"t","broadcast":true)"));
        co_await client_.rest();
        CHECK(reached_);
        router_.reset();
        server_.reset();
    }

private:
    asio::awaitable<void> reach(Place place)
    {
        if (place != place_ || std::exchange(reached_, true)) co_return;
        if (suspends_) co_await turns(1);
        if (first_ == 0) server_.reset();
        if (suspends_) co_await turns(1);
        router_.reset();
        server_.reset();
        if (suspends_) co_await turns(1);
    }

    WSServerOptions optionsWithHooks()
    {
        auto options = onFreePort({.rateLimit = std::nullopt});
        options.authenticate = [this](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
        {
            co_await reach(Place::authenticate);
            co_return true;
        };
        options.authorize = [this](const ClientInfo&, Action, std::string) -> asio::awaitable<bool>
        {
            co_await reach(Place::authorize);
            co_return true;
        };
        return options;
    }

    const Place place_;
    const std::size_t first_;
    const bool suspends_;
    bool reached_ = false;
    std::unique_ptr<WSServer> server_;
    std::unique_ptr<WSRouter> router_;
    RawPeer client_;
};

}  // namespace

TEST_CASE("a hook may destroy the server and the router that call it")
{
    for (const auto place : {Place::authenticate, Place::authorize, Place::middleware, Place::routeHandler})
        for (std::size_t first = 0; first < 2; ++first)
            for (const bool suspends : {false, true})
            {
                CAPTURE(static_cast<int>(place));
                CAPTURE(first);
                CAPTURE(suspends);
                runToEnd(
                    [&](asio::io_context& io) -> asio::awaitable<void>
                    {
                        DestroyedInHook inUse(io, place, first, suspends);
                        co_await inUse.use();
                    });
            }
}
