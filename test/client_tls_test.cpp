#include "support/certificates.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

using namespace strandcast;

namespace
{

using Body = std::function<asio::awaitable<void>(asio::io_context&, WSServer&)>;

void withServer(std::optional<TlsServerOptions> tls, const Body& body)
{
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0,
                                 .tls = std::move(tls),
                                 .closeTimeout = std::chrono::milliseconds(100),
                                 .rateLimit = std::nullopt});
            const WSRouter router(server);
            co_await server.start();
            co_await body(io, server);
            co_await server.shutdown();
        });
}

WSClientOptions optionsFor(const WSServer& server, TlsClientOptions tls, std::string_view host = "localhost",
                           std::string_view scheme = "wss")
{
    return {.url = fmt::format("{}://{}:{}", scheme, host, server.port()),
            .tls = std::move(tls),
            .reconnect = false};
}

/// What connect() says.
Outcome connecting(std::optional<TlsServerOptions> server, TlsClientOptions tls,
                   std::string_view host = "localhost", std::string_view scheme = "wss")
{
    Outcome outcome;
    withServer(std::move(server),
               [&](asio::io_context& io, WSServer& running) -> asio::awaitable<void>
               {
                   WSClient client(io, optionsFor(running, tls, host, scheme));
                   outcome = co_await outcomeOf(client.connect());
                   co_await client.disconnect();
               });
    CAPTURE(outcome.text);
    CHECK(outcome.text.find('\n') == std::string::npos);
    return outcome;
}

void failsWith(const Outcome& outcome, std::string_view why)
{
    CAPTURE(outcome.text);
    CHECK(outcome.errc == Errc::connectFailed);
    CHECK(outcome.text.starts_with("cannot connect to "));
    CHECK(outcome.says(why));
}

asio::awaitable<void> useForAWhile(WSServer& server, WSClient& client)
{
    try
    {
        co_await client.connect();
        for (int number = 0; number < 3; ++number)
            co_await client.publish("a", Json::parse('"' + std::string(40'000, 'x') + '"'));
        co_await client.disconnect();
        co_await server.shutdown();
    }
    catch (const Error&)
    {
        // They have gone.
    }
}

}  // namespace

TEST_CASE("over wss what one client publishes another receives, the large as well as the many")
{
    withServer(commonTlsServer(),
               [](asio::io_context& io, WSServer& server) -> asio::awaitable<void>
               {
                   WSClient listener(io, optionsFor(server, commonTlsClient(), "127.0.0.1"));
                   WSClient speaker(io, optionsFor(server, commonTlsClient()));
                   co_await listener.connect();
                   co_await speaker.connect();
                   auto events = co_await listener.subscribe({"tls.#"});
                   for (int number = 1; number <= 200; ++number)
                   {
                       const std::string text(number % 50 == 0 ? 1'000'000 : 100, 'x');
                       co_await speaker.publish("tls.numbers", Json::parse('"' + text + '"'));
                       const auto delivery = co_await events.next();
                       REQUIRE(delivery);
                       const auto& event = std::get<EventMessage>(*delivery);
                       CHECK(event.sequenceNumber == number);
                       CHECK(event.data->text().size() == text.size() + 2);
                   }
                   co_await speaker.disconnect();
                   co_await listener.disconnect();
               });
}

TEST_CASE("a server that is not the one of the URL is not connected to, and why")
{
    const Certificates others;
    const TlsServerOptions stranger{.certificates = {others.issue("stranger", "DNS:localhost")}};
    const TlsServerOptions elsewhere{
        .certificates = {commonCertificates().issue("elsewhere", "DNS:example.org")}};
    failsWith(connecting(stranger, commonTlsClient()), "unable to get local issuer certificate");
    failsWith(connecting(commonTlsServer(), {}), "unable to get local issuer certificate");
    failsWith(connecting(elsewhere, commonTlsClient()), "hostname mismatch");
    failsWith(connecting(elsewhere, commonTlsClient(), "127.0.0.1"), "IP address mismatch");
    CHECK(connecting(stranger, {.caFile = others.caFile()}).went());
    CHECK(connecting(elsewhere, {.trustAnybodyInsecurely = true}).went());
}

TEST_CASE("a client shows its certificate to a server that asks for it")
{
    const Certificates clients;
    auto server = commonTlsServer();
    server.clientCaFile = clients.caFile();
    auto client = commonTlsClient();
    failsWith(connecting(server, client), "certificate required");
    client.certificate = clients.issue("agent", "");
    CHECK(connecting(server, client).went());
}

TEST_CASE("ws to a server of wss, and the reverse, are one line that says so")
{
    failsWith(connecting(commonTlsServer(), {}, "localhost", "ws"),
              "the server answered 400 TLS is spoken here: wss is expected");
    failsWith(connecting(std::nullopt, commonTlsClient()), "the peer does not speak TLS");
}

TEST_CASE("a TLS server of another make that answers ws with an alert is known as one")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io,
                                  [](ServerEnd& client, int) -> asio::awaitable<void>
                                  {
                                      co_await client.requestHead();
                                      co_await client.write(std::string("\x15\x03\x01\x00\x02\x02\x46", 7));
                                      co_await client.ignoreAll();
                                  });
            WSClient client(io, {.url = server.url(), .reconnect = false});
            failsWith(co_await outcomeOf(client.connect()), "the server speaks TLS: wss:// is expected");
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("a server that says nothing to a ClientHello has the connecting's time")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, [](ServerEnd& client, int) -> asio::awaitable<void>
                                  { static_cast<void>(co_await client.requestHead()); });
            auto url = server.url();
            url.replace(0, 2, "wss");
            WSClient client(
                io, {.url = url, .connectTimeout = std::chrono::milliseconds(100), .reconnect = false});
            const auto outcome = co_await outcomeOf(client.connect());
            CHECK(outcome.errc == Errc::timedOut);
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("a connection over wss that is lost is replaced by another over wss")
{
    withServer(commonTlsServer(),
               [](asio::io_context& io, WSServer& server) -> asio::awaitable<void>
               {
                   auto options = optionsFor(server, commonTlsClient());
                   options.reconnect = true;
                   options.reconnectInterval = std::chrono::milliseconds(1);
                   WSClient client(io, options);
                   co_await client.connect();
                   auto events = co_await client.subscribe({"again"});
                   const auto ids = co_await server.getConnectedClients();
                   co_await server.disconnectClient(ids.at(0), {CloseCode::goingAway, "again"});
                   // It comes over the second connection, behind the mark of what the first one may have
                   // lost.
                   bool hasCome = false;
                   for (int item = 0; item < 10 && !hasCome; ++item)
                   {
                       const auto delivery = co_await events.next();
                       REQUIRE(delivery);
                       if (std::holds_alternative<Resumed>(*delivery))
                           co_await client.publish("again", 1, Broadcast::yes);
                       hasCome = std::holds_alternative<EventMessage>(*delivery);
                   }
                   CHECK(hasCome);
                   co_await client.disconnect();
               });
}

TEST_CASE("a client with a file for TLS that cannot be used is none, unless it does not need it")
{
    asio::io_context io(1);
    const TlsClientOptions absent{.caFile = "/absent.pem"};
    CHECK_THROWS_WITH_AS(WSClient(io, {.url = "wss://localhost", .tls = absent}),
                         "cannot use CA file '/absent.pem': No such file or directory", Error);
    const WSClient plain(io, {.url = "ws://localhost", .tls = absent});
}

TEST_CASE("server, client and context may go at any moment of a connection over wss")
{
    bool isOver = false;
    for (int handlers = 0; handlers < 400 && !isOver; ++handlers)
    {
        CAPTURE(handlers);
        asio::io_context io(1);
        WSServer server(io, {.port = 0, .tls = commonTlsServer(), .rateLimit = std::nullopt});
        const WSRouter router(server);
        asio::co_spawn(io, server.start(), asio::detached);
        io.poll_one();
        while (server.port() == 0) io.run_one();
        WSClient client(io, optionsFor(server, commonTlsClient(), "127.0.0.1"));
        asio::co_spawn(io, useForAWhile(server, client), [&](std::exception_ptr) { isOver = true; });
        for (int handler = 0; handler < handlers && !isOver; ++handler)
            io.run_one_for(std::chrono::milliseconds(50));
    }
    CHECK(isOver);  // every moment was met
}
