#include "client/url.hpp"
#include "support/outcome.hpp"
#include "support/served.hpp"

#include <strandcast/ws_client.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <unistd.h>

using namespace strandcast;

namespace
{

std::string socketPath()
{
    return std::filesystem::temp_directory_path() / fmt::format("strandcast-client-{}.sock", ::getpid());
}

Outcome connectingTo(const std::string& url)
{
    Outcome outcome;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            WSClientOptions options;
            options.url = url;
            WSClient client(io, options);
            outcome = co_await outcomeOf(client.connect());
        });
    return outcome;
}

}  // namespace

TEST_CASE("a client talks with a server over a Unix socket, whose host is localhost")
{
    const auto path = socketPath();
    WSServerOptions serverOptions{.rateLimit = std::nullopt};
    serverOptions.listen = {UnixAddress{path}};
    serverOptions.path = "/live";
    withRouter(
        {},
        [&](Served& served) -> asio::awaitable<void>
        {
            WSClientOptions options;
            options.url = "ws+unix:" + path + ":/live?room=7";
            WSClient client(served.io, options);
            co_await client.connect();
            const auto stream = co_await client.subscribe("a");
            const auto receipt = co_await served.router->publish("a", Json("1"));
            CHECK(receipt.subscribers == 1);
            const auto clients = co_await served.server.getConnectedClients();
            REQUIRE(clients.size() == 1);
            const auto info = co_await served.server.getClient(clients.front());
            REQUIRE(info);
            CHECK(info->upgrade.host == "localhost");
            CHECK(info->upgrade.path == "/live");
            CHECK(info->upgrade.query == "room=7");
            co_await client.disconnect();
        },
        serverOptions);
}

TEST_CASE("a Unix socket that nobody listens on, or whose path is too long, is named in the failure")
{
    const auto nobody = connectingTo("ws+unix:" + socketPath());
    CHECK(nobody.errc == Errc::connectFailed);
    CHECK(nobody.text.find("unix:" + socketPath()) != std::string::npos);
    const auto tooLong = connectingTo("ws+unix:/" + std::string(200, 'x'));
    CHECK(tooLong.errc == Errc::connectFailed);
    CHECK(tooLong.text.find("too long") != std::string::npos);
}

TEST_CASE("the URL of a Unix socket has the socket's path, and behind a colon the request's")
{
    const auto bare = Url::parse("ws+unix:/run/it.sock");
    CHECK(bare.socketPath == "/run/it.sock");
    CHECK(bare.target == "/");
    CHECK(bare.hostHeader() == "localhost");
    CHECK(bare.place() == "unix:/run/it.sock");
    CHECK_FALSE(bare.isSecure);
    const auto full = Url::parse("WSS+unix:///run/it.sock:/path?a=b:c");
    CHECK(full.socketPath == "/run/it.sock");
    CHECK(full.target == "/path?a=b:c");
    CHECK(full.isSecure);
    CHECK(Url::parse("ws+unix:/run/it.sock?a").target == "/?a");
    CHECK(Url::parse("ws://host").socketPath.empty());
    for (const auto* const wrong : {"ws+unix:", "ws+unix:/", "ws+unix:it.sock", "ws+unix:/it.sock:path",
                                    "ws+unix:/it sock", "ws+unix:/it#sock"})
    {
        CAPTURE(wrong);
        CHECK_THROWS_AS(static_cast<void>(Url::parse(wrong)), Error);
    }
}
