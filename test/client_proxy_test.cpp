#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

using Script = ScriptedServer::Script;

// A proxy and the server behind it in one: what is said behind the answer to CONNECT is the server's.
Script tunnelling(std::string& head, std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n",
                  bool isSlow = false)
{
    return [&head, answer, isSlow](ServerEnd& client, int) -> asio::awaitable<void>
    {
        head = co_await client.requestHead();
        if (isSlow)
            for (const char byte : answer) co_await client.write(std::string(1, byte));
        else
            co_await client.write(answer);
        co_await client.open();
        co_await client.grantAll();
    };
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

/// What connect() says through a proxy that follows `script`.
Outcome connectingThrough(const Script& script, std::string credentials = {},
                          std::chrono::milliseconds timeout = 10s)
{
    Outcome outcome;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            ScriptedServer proxy(io, script);
            WSClientOptions options;
            // A name that nobody here could look up.
            options.url = "ws://server.invalid:4321/path";
            options.proxy = "http://" + credentials + proxy.url().substr(std::string("ws://").size());
            options.connectTimeout = timeout;
            WSClient client(io, options);
            outcome = co_await outcomeOf(client.connect());
            co_await client.disconnect();
            co_await until([&] { return proxy.running() == 0; });
            proxy.stop();
        });
    return outcome;
}

}  // namespace

TEST_CASE("A client asks its proxy for a tunnel, and speaks to the server through it")
{
    std::string head;
    CHECK(connectingThrough(tunnelling(head)).went());
    CHECK(head.starts_with("CONNECT server.invalid:4321 HTTP/1.1\r\n"));
    CHECK(head.find("\r\nHost: server.invalid:4321\r\n") != std::string::npos);
    CHECK(head.find("Authorization") == std::string::npos);
}

TEST_CASE("A proxy's answer may come byte by byte, with headers")
{
    std::string head;
    CHECK(connectingThrough(tunnelling(head, "HTTP/1.0 200 OK\r\nVia: 1.1 there\r\nX: y\r\n\r\n", true))
              .went());
}

TEST_CASE("A user's name and password go to the proxy alone")
{
    std::string head;
    CHECK(connectingThrough(tunnelling(head), "me:p%40ss:word@").went());
    CHECK(head.find("\r\nProxy-Authorization: Basic bWU6cEBzczp3b3Jk\r\n") != std::string::npos);
}

TEST_CASE("What a proxy refuses is told with its words and without the password")
{
    const auto outcome =
        connectingThrough(answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "me:hidden@");
    CHECK(outcome.errc == Errc::connectFailed);
    CHECK(outcome.text.find("407 Proxy Authentication Required") != std::string::npos);
    CHECK(outcome.text.find("hidden") == std::string::npos);
}

TEST_CASE("A proxy that answers no HTTP, endless headers or nothing at all is no way to a server")
{
    CHECK(connectingThrough(answering("SSH-2.0-OpenSSH\r\n\r\n")).errc == Errc::connectFailed);
    CHECK(connectingThrough(answering("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x') + ": y\r\n")).errc ==
          Errc::connectFailed);
    CHECK(connectingThrough(answering(""), {}, 50ms).errc == Errc::timedOut);
    const auto ending = [](ServerEnd& client, int) -> asio::awaitable<void>
    { co_await client.requestHead(); };
    CHECK(connectingThrough(ending).errc == Errc::connectFailed);
}

TEST_CASE("A proxy that is none is refused before anything is sent, and its password not told")
{
    asio::io_context io;
    const std::vector<std::string> wrong{
        "",
        "proxy:80",
        "https://proxy:443",
        "http://",
        "http://:80",
        "http://me:hidden@",
        "http://me:hidden@proxy:0",
        "http://me:hidden@proxy:65536",
        "http://me:hidden@proxy:80x",
        "http://me:hidden%2@proxy",
        "http://me:hidden@proxy/path",
        "http://me:hidden@pro xy",
        "http://me%3Ayou:hidden@proxy",
        "http://[::1",
        "http://[::1]80",
    };
    for (const auto& proxy : wrong)
    {
        CAPTURE(proxy);
        WSClientOptions options;
        options.url = "ws://localhost";
        options.proxy = proxy;
        try
        {
            const WSClient client(io, options);
            FAIL("it was taken");
        }
        catch (const Error& error)
        {
            CHECK(error.code() == Errc::invalidArgument);
            CHECK(std::string(error.what()).find("hidden") == std::string::npos);
        }
    }
}
