#include "coro/hop.hpp"
#include "coro/sleep.hpp"
#include "server/client_session.hpp"
#include "server/server_core.hpp"
#include "support/served.hpp"
#include "transport/memory.hpp"

#include <strandcast/error.hpp>
#include <strandcast/random.hpp>

#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// Fails once, when asked for the number that it is told.
class FailingRandom final : public Random
{
public:
    int left = 0;

    [[nodiscard]] std::uint64_t next() override
    {
        if (--left == 0) throw std::runtime_error("no chance");
        return Random::system().next();
    }
};

/// A stream that throws what no stream may, once its first bytes have been read.
class ThrowingTransport final : public Transport
{
public:
    explicit ThrowingTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override
    {
        if (hasRead_) throw std::runtime_error("broken");
        const auto transfer = inner_->tryRead(buffer);
        hasRead_ = transfer.outcome == Transfer::Outcome::moved;
        return transfer;
    }
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override
    {
        return inner_->tryWrite(buffers);
    }
    [[nodiscard]] Strand<> waitReadable() override { return inner_->waitReadable(); }
    [[nodiscard]] Strand<> waitWritable() override { return inner_->waitWritable(); }
    [[nodiscard]] bool isPeerGone() override { return inner_->isPeerGone(); }
    void shutdownWrite() noexcept override { inner_->shutdownWrite(); }
    void close() noexcept override { inner_->close(); }
    [[nodiscard]] std::string peerAddress() const override { return inner_->peerAddress(); }

private:
    std::unique_ptr<Transport> inner_;
    bool hasRead_ = false;
};

/// A router that only counts.
class CountingHandler final : public RequestHandler
{
public:
    int openedClients = 0;
    int closedClients = 0;
    bool refusesToOpen = false;

    void opened(ClientSession&) override
    {
        if (refusesToOpen) throw std::runtime_error("no room");
        ++openedClients;
    }
    void closed(ClientSession&) noexcept override
    {
        CHECK(openedClients > closedClients);
        ++closedClients;
    }
    void subscribe(ClientSession&, SubscribeMessage) override {}
    void unsubscribe(ClientSession&, UnsubscribeMessage) override {}
    void publish(ClientSession&, PublishMessage) override {}
    [[nodiscard]] std::vector<std::string> subscriptions(const ClientSession&) const override { return {}; }
    void serverGone() noexcept override {}
};

}  // namespace

TEST_CASE("what one client's strand throws ends this client: the server goes on, whichever step it was")
{
    FailingRandom random;
    withServer({.random = &random},
               [&](Served& served) -> asio::awaitable<void>
               {
                   std::size_t failed = 0;
                   for (int step = 1; step < 8; ++step)
                   {
                       CAPTURE(step);
                       random.left = step;
                       try
                       {
                           co_await served.serves();
                       }
                       catch (const std::exception&)
                       {
                           ++failed;
                       }
                       random.left = 0;
                       const bool serves = co_await served.serves();
                       CHECK(serves);
                   }
                   CHECK(failed >= 2);
               });
}

TEST_CASE("a conversation that ends with an exception ends as any other: the router hears that it is over")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            const auto core = std::make_shared<ServerCore>(io.get_executor(), WSServerOptions{});
            CountingHandler handler;
            core->attach(handler, {});
            const auto errors = core->events().listen(serverEventKind<ServerError>());
            co_await ServerCore::join(core, 1);
            auto ends = makeMemoryTransports(io.get_executor());
            constexpr std::string_view request =
                "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            const auto bytes = std::as_bytes(std::span(request));
            CHECK(ends.second->tryWrite(std::span(&bytes, 1)).size == request.size());
            ServerCore::serve(core, std::make_unique<ThrowingTransport>(std::move(ends.first)));
            for (int turn = 0; turn < 1'000 && handler.closedClients == 0; ++turn) co_await yieldTurn();
            const auto error = errors->tryTake();
            REQUIRE(error);
            CHECK(std::get<ServerError>(*error).what == "broken");
            CHECK(handler.openedClients == 1);
            CHECK(handler.closedClients == 1);
            co_await ServerCore::shutdown(core, 1);
            core->detach(handler);
        });
}

TEST_CASE("a router that throws at a login closes this client, and the server goes on")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            auto options = onFreePort();
            options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
            { co_return true; };
            const auto core = std::make_shared<ServerCore>(io.get_executor(), options);
            CountingHandler handler;
            handler.refusesToOpen = true;
            core->attach(handler, {});
            const auto errors = core->events().listen(serverEventKind<ServerError>());
            co_await hop(core->executor(), ServerCore::start(core, 1, {core}));
            {
                RawPeer peer(io);
                co_await peer.join(core->port());
                co_await peer.send(request("auth", "a", R"("token":"t")"));
                const auto end = co_await peer.closed();
                CHECK(end == "1011 Internal error");
                auto error = errors->tryTake();
                REQUIRE(error);
                CHECK(std::get<ServerError>(*error).what == "no room");
                RawPeer other(io);
                co_await other.join(core->port());
            }
            co_await hop(core->executor(), ServerCore::shutdown(core, 1));
            core->detach(handler);
        });
}
