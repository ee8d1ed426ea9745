#include "client/url.hpp"
#include "support/blocked_lookups.hpp"
#include "support/descriptors.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"
#include "websocket/handshake_key.hpp"

#include <strandcast/ws_client.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/ip/address.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Script = ScriptedServer::Script;

/// What connect() says of a server that follows `script`.
Outcome connecting(const Script& script, WSClientOptions options = {})
{
    Outcome outcome;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, script);
            options.url = server.url();
            WSClient client(io, options);
            outcome = co_await outcomeOf(client.connect());
            CHECK(client.isConnected() == outcome.went());
            if (!outcome.went())
            {
                // What failed has ended for good, and may be tried again.
                const auto again = co_await outcomeOf(client.connect());
                CHECK(again.errc != Errc::alreadyRunning);
                CHECK(server.connections() == 2);
            }
            co_await client.disconnect();
            CHECK_FALSE(client.isConnected());
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
    return outcome;
}

Script answering(std::string response)
{
    return [response](ServerEnd& client, int) -> asio::awaitable<void>
    {
        co_await client.requestHead();
        co_await client.write(response);
        co_await client.ignoreAll();
    };
}

asio::awaitable<void> serveAll(ServerEnd& client, int)
{
    co_await client.open();
    co_await client.grantAll();
}

}  // namespace

TEST_CASE("a client connects to a server that negotiates the version, and its Close says 1000")
{
    std::string left;
    std::string request;
    const auto outcome = connecting(
        [&](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            left = co_await client.grantAll();
        });
    CHECK(outcome.went());
    CHECK(left == "1000");
}

TEST_CASE("a port that nobody listens on is named with the cause")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            const auto port = refusedPort(io);
            WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", port)});
            const auto outcome = co_await outcomeOf(client.connect());
            CHECK(outcome.errc == Errc::connectFailed);
            CHECK_MESSAGE(outcome.says(fmt::format("127.0.0.1:{}", port)), outcome.text);
            CHECK_MESSAGE(outcome.says("refused"), outcome.text);
            CHECK_FALSE(client.isConnected());
        });
}

TEST_CASE("a process that has no descriptor left is told so, and connects when it has one again")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            WSServer server(io, {.port = 0});
            co_await server.start();
            WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
            // Once each way before: the sanitizers need descriptors for what they see for the first time.
            co_await client.connect();
            co_await client.disconnect();
            WSClient refused(io, {.url = fmt::format("ws://127.0.0.1:{}", refusedPort(io))});
            static_cast<void>(co_await outcomeOf(refused.connect()));
            std::optional<DescriptorLimit> limit(256);
            std::optional<DescriptorHoard> hoard(std::in_place);
            const auto outcome = co_await outcomeOf(client.connect());
            hoard.reset();
            limit.reset();
            CHECK(outcome.errc == Errc::connectFailed);
            CHECK_MESSAGE(outcome.says("127.0.0.1"), outcome.text);
            CHECK_MESSAGE(outcome.says("Too many open files"), outcome.text);
            co_await client.connect();
            co_await client.disconnect();
            co_await server.shutdown();
        });
}

TEST_CASE("a server that speaks no WebSocket is named with what it did instead")
{
    struct Case
    {
        const char* response;
        const char* says;
    };
    const Case cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200"},
        {"220 mail.example ESMTP\r\n", "not HTTP"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
         "Sec-WebSocket-Accept"},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         "Sec-WebSocket-Accept"},
    };
    for (const auto& [response, says] : cases)
    {
        const auto outcome = connecting(answering(response));
        CHECK(outcome.errc == Errc::connectFailed);
        CHECK_MESSAGE(outcome.says(says), outcome.text);
        CHECK_MESSAGE(outcome.says("127.0.0.1:"), outcome.text);
    }
}

TEST_CASE("a server that ends the connection during the upgrade fails the connect")
{
    const auto outcome =
        connecting([](ServerEnd& client, int) -> asio::awaitable<void> { co_await client.requestHead(); });
    CHECK(outcome.errc == Errc::connectFailed);
    CHECK_MESSAGE(outcome.says("127.0.0.1:"), outcome.text);
}

TEST_CASE("a head without end is no reason to read for ever")
{
    const auto outcome = connecting(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.requestHead();
            co_await client.write("HTTP/1.1 101 Switching Protocols\r\n");
            for (;;) co_await client.write("X-More: " + std::string(4000, 'a') + "\r\n");
        });
    CHECK(outcome.errc == Errc::connectFailed);
}

TEST_CASE("a server that says nothing costs connectTimeout, wherever it falls silent")
{
    const Script silences[] = {
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.requestHead();
            co_await client.ignoreAll();
        },
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.upgrade();
            co_await client.ignoreAll();
        },
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.open();
            co_await client.ignoreAll();
        },
    };
    for (const auto& silence : silences)
    {
        Outcome outcome;
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io, silence);
                WSClient client(
                    io, {.url = server.url() + "/?token=sesame", .token = "t", .connectTimeout = 50ms});
                outcome = co_await outcomeOf(client.connect());
                CHECK_FALSE(client.isConnected());
                co_await until([&] { return server.running() == 0; });
                server.stop();
            });
        CHECK(outcome.errc == Errc::timedOut);
        CHECK_MESSAGE(outcome.says("within 50 ms"), outcome.text);
        CHECK_MESSAGE(!outcome.says("sesame"), outcome.text);
        CHECK_MESSAGE(outcome.says("127.0.0.1:"), outcome.text);
    }
}

TEST_CASE("what is secret in a URL is in no text of it")
{
    const auto refusalOf = [](const char* text)
    {
        try
        {
            return Url::parse(text).shown;
        }
        catch (const Error& error)
        {
            return std::string(error.what());
        }
    };
    CHECK(refusalOf("ws://host:81/@path?token=sesame") == "ws://host:81/@path");
    CHECK(refusalOf("wss+unix:/run/it.sock:/path?token=sesame") == "wss+unix:/run/it.sock:/path");
    for (const auto* const wrong :
         {"ws://me:sesame@host", "ws://me:sesame@host/@?x=sesame", "ws://host:0/?token=sesame",
          "http://me:sesame@host", "me:sesame@host", "ws://ho st?token=sesame", "ws+unix:x?token=sesame"})
    {
        const auto text = refusalOf(wrong);
        CAPTURE(text);
        CHECK(text.find("invalid URL '") != std::string::npos);
        CHECK(text.find("sesame") == std::string::npos);
    }
    CHECK(refusalOf("ws://me:sesame@host").find("'ws://***@host'") != std::string::npos);
}

TEST_CASE("why a server closed at once is in the text of the failure")
{
    const auto outcome = connecting(
        [](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.upgrade();
            co_await client.close(1008, "Max connections reached");
            co_await client.ignoreAll();
        });
    CHECK(outcome.errc == Errc::connectFailed);
    CHECK_MESSAGE(outcome.says("1008, Max connections reached"), outcome.text);
}

TEST_CASE("a token is accepted by an ack of the auth's id, or by the literal auth of the seed's server")
{
    for (const bool literal : {false, true})
    {
        std::string token;
        std::string metadata;
        const auto outcome = connecting(
            [&](ServerEnd& client, int) -> asio::awaitable<void>
            {
                co_await client.open();
                const auto auth = co_await client.expect("auth");
                token = auth.at("token").as_string();
                metadata = auth.at("metadata").at("name").as_string();
                co_await client.ack(literal ? "auth" : idOf(auth));
                co_await client.grantAll();
            },
            {.url = {}, .token = "secret", .metadata = Json{{"name", "a"}}});
        CHECK(outcome.went());
        CHECK(token == "secret");
        CHECK(metadata == "a");
    }
}

TEST_CASE("a refused token is a RemoteError with the server's words, however the error names its request")
{
    enum class Named
    {
        byOwnId,
        byMessageId,
        byNothing,
        byFailedAck,
    };
    for (const auto named : {Named::byOwnId, Named::byMessageId, Named::byNothing, Named::byFailedAck})
    {
        CAPTURE(static_cast<int>(named));
        const auto outcome = connecting(
            [named](ServerEnd& client, int) -> asio::awaitable<void>
            {
                co_await client.open();
                const auto id = idOf(co_await client.expect("auth"));
                const std::string code = "AUTHENTICATION_FAILED";
                const std::string text = "Invalid credentials";
                if (named == Named::byOwnId) co_await client.refuse(id, code, text);
                if (named == Named::byMessageId) co_await client.refuse("s-9", code, text, id);
                if (named == Named::byNothing) co_await client.refuse("s-9", code, text);
                if (named == Named::byFailedAck) co_await client.ack(id, false);
                co_await client.close(1008, "Authentication failed");
                co_await client.ignoreAll();
            },
            {.url = {}, .token = "wrong"});
        CHECK(outcome.errc == Errc::refused);
        CHECK(outcome.remoteCode == "AUTHENTICATION_FAILED");
        if (named != Named::byFailedAck) CHECK_MESSAGE(outcome.says("Invalid credentials"), outcome.text);
    }
}

TEST_CASE("a server without a common version is told so, and connect() names what it speaks")
{
    std::string left;
    const auto outcome = connecting(
        [&](ServerEnd& client, int) -> asio::awaitable<void>
        {
            co_await client.upgrade();
            co_await client.negotiate(R"(["3.0.0","2.0.0"])");
            left = co_await client.ignoreAll();
        });
    CHECK(outcome.errc == Errc::protocolViolation);
    CHECK_MESSAGE(outcome.says("3.0.0, 2.0.0"), outcome.text);
    CHECK(left == "1000 No common version");
}

TEST_CASE("connecting twice is refused, while connecting and when connected, and disturbs nothing")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, &serveAll);
            WSClient client(io, {.url = server.url()});
            Beside first(io.get_executor(), client.connect());
            auto second = co_await outcomeOf(client.connect());
            CHECK(second.errc == Errc::alreadyRunning);
            CHECK((co_await first.ended()).went());
            second = co_await outcomeOf(client.connect());
            CHECK(second.errc == Errc::alreadyRunning);
            CHECK(client.isConnected());
            co_await client.publish("a", {{"x", 1}});
            co_await client.disconnect();
            CHECK(server.connections() == 1);
            server.stop();
        });
}

TEST_CASE("a cancelled connect leaves the client idle, whichever moment it is cancelled at")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, &serveAll);
            int cancelled = 0;
            int finished = 0;
            for (int turns = 0; turns < 60; ++turns)
            {
                WSClient client(io, {.url = server.url(), .token = "t"});
                Beside connect(io.get_executor(), client.connect());
                co_await turnsOfLoop(turns);
                connect.cancel();
                const auto outcome = co_await connect.ended();
                CHECK(client.isConnected() == outcome.went());
                if (outcome.went())
                {
                    ++finished;
                }
                else
                {
                    ++cancelled;
                    CHECK(outcome.errc == Errc::cancelled);
                    co_await client.connect();
                }
                co_await client.publish("a", {{"x", 1}});
                co_await client.disconnect();
            }
            CHECK(cancelled > 5);
            CHECK(finished > 5);
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("disconnect() during connect() ends it with an error, at whichever moment")
{
    runToEnd(
        [](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer server(io, &serveAll);
            for (int turns = 0; turns < 60; ++turns)
            {
                CAPTURE(turns);
                WSClient client(io, {.url = server.url(), .token = "t"});
                Beside connect(io.get_executor(), client.connect());
                co_await turnsOfLoop(turns);
                const bool done = connect.hasEnded();
                co_await client.disconnect();
                CHECK_FALSE(client.isConnected());
                const auto outcome = co_await connect.ended();
                if (done) CHECK(outcome.went());
                // Where the connection was there already, connect() may have it and the next moment not.
                if (!outcome.went()) CHECK(outcome.errc == Errc::cancelled);
                co_await client.connect();
                co_await client.publish("a", {{"x", 1}});
                co_await client.disconnect();
            }
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
}

TEST_CASE("a lookup that hangs holds up nobody: not a timeout, a cancellation, a disconnect, nor the end")
{
    enum class Ending
    {
        timeout,
        cancellation,
        disconnect,
        destruction,
    };
    for (const auto ending : {Ending::timeout, Ending::cancellation, Ending::disconnect, Ending::destruction})
    {
        CAPTURE(static_cast<int>(ending));
        std::optional<BlockedLookups> blocked(std::in_place);
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                ScriptedServer server(io, &serveAll);
                const auto timeout = ending == Ending::timeout ? 30ms : 0ms;
                auto client = std::make_unique<WSClient>(
                    io, WSClientOptions{.url = fmt::format("ws://localhost:{}", server.port()),
                                        .connectTimeout = timeout});
                Beside connect(io.get_executor(), client->connect());
                co_await turnsOfLoop(10);
                CHECK_FALSE(connect.hasEnded());
                if (ending == Ending::cancellation) connect.cancel();
                if (ending == Ending::disconnect) co_await client->disconnect();
                if (ending == Ending::destruction) client.reset();
                const auto outcome = co_await connect.ended();
                CHECK(outcome.errc == (ending == Ending::timeout ? Errc::timedOut : Errc::cancelled));
                if (client && ending != Ending::timeout)
                {
                    blocked.reset();
                    co_await client->connect();
                    co_await client->disconnect();
                }
                server.stop();
            });
    }
}

TEST_CASE("A client offers subprotocols and headers, and tells the one that the server chose")
{
    std::string head;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            const Script script = [&head](ServerEnd& client, int) -> asio::awaitable<void>
            {
                head = co_await client.requestHead();
                const auto key = head.substr(head.find("Sec-WebSocket-Key: ") + 19, 24);
                co_await client.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                      "Connection: Upgrade\r\nSec-WebSocket-Protocol: second\r\n"
                                      "Sec-WebSocket-Accept: " +
                                      acceptKey(key) + "\r\n\r\n");
                co_await client.negotiate();
                co_await client.grantAll();
            };
            ScriptedServer server(io, script);
            WSClientOptions options;
            options.url = server.url();
            options.subprotocols = {"first", "second"};
            options.headers = {{"Authorization", "Bearer abc"}, {"Cookie", "a=b"}};
            WSClient client(io, options);
            auto lifecycle = client.lifecycle();
            co_await client.connect();
            const auto connected = co_await lifecycle.next();
            REQUIRE(connected);
            CHECK(std::get<Connected>(*connected).subprotocol == "second");
            co_await client.disconnect();
            co_await until([&] { return server.running() == 0; });
            server.stop();
        });
    CHECK(head.find("\r\nSec-WebSocket-Protocol: first, second\r\n") != std::string::npos);
    CHECK(head.find("\r\nAuthorization: Bearer abc\r\nCookie: a=b\r\n") != std::string::npos);
}

TEST_CASE("Subprotocols and headers that would break the request are refused before it")
{
    asio::io_context io;
    const auto refusal =
        [&](std::vector<std::string> subprotocols, std::vector<std::pair<std::string, std::string>> headers)
    {
        WSClientOptions options;
        options.url = "ws://localhost";
        options.subprotocols = std::move(subprotocols);
        options.headers = std::move(headers);
        try
        {
            const WSClient client(io, options);
        }
        catch (const Error& error)
        {
            return error.code() == Errc::invalidArgument;
        }
        return false;
    };
    CHECK(refusal({""}, {}));
    CHECK(refusal({"one, two"}, {}));
    CHECK(refusal({}, {{"", "value"}}));
    CHECK(refusal({}, {{"Two words", "value"}}));
    CHECK(refusal({}, {{"X", "value\r\nY: z"}}));
    for (const auto* const own :
         {"Host", "upgrade", "Connection", "Sec-WebSocket-Key", "sec-websocket-protocol"})
        CHECK(refusal({}, {{own, "value"}}));
    CHECK_FALSE(refusal({"chat.v1"}, {{"Origin", "https://example.com"}}));
}
