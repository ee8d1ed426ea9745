// Who may connect is a hook of the application's, and may take its time: others do not wait for it.
//
// Try it:  build/examples/authentication

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>

namespace sc = strandcast;
using namespace std::chrono_literals;

/// Where users are looked up: a database, or a service.
asio::awaitable<std::optional<std::string>> findUser(std::string token)
{
    co_await asio::post(asio::use_awaitable);
    if (token == "ada-token") co_return "ada";
    co_return std::nullopt;
}

//! [hook]
asio::awaitable<sc::Authentication> authenticate(std::string token, std::optional<sc::Json> metadata)
{
    const auto user = co_await findUser(token);
    if (!user) co_return false;
    fmt::print("{} comes with {}\n", *user, metadata ? metadata->text() : "nothing");
    co_return sc::Authentication{.accepted = true, .identity = *user};  // or true, for a yes alone
}
//! [hook]

/// What the server says to this token: nothing where it is welcome.
asio::awaitable<std::string> connectWith(asio::io_context& io, std::string url, std::string token)
{
    sc::WSClient client(io, {.url = url, .token = token, .metadata = sc::Json({{"role", "watcher"}})});
    try
    {
        co_await client.connect();
    }
    catch (const sc::RemoteError& refused)
    {
        co_return refused.what();
    }
    co_await client.disconnect();
    co_return "";
}

asio::awaitable<void> authentication(asio::io_context& io)
{
    //! [server]
    sc::WSServerOptions options;
    options.port = 0;
    options.authenticate = authenticate;
    options.authTimeout = 10s;
    sc::WSServer server(io, options);
    //! [server]
    sc::WSRouter router(server);
    co_await server.start();
    const auto url = fmt::format("ws://127.0.0.1:{}", server.port());

    example::require((co_await connectWith(io, url, "ada-token")).empty(), "a token that is known lets in");
    const auto refusal = co_await connectWith(io, url, "guess");
    fmt::print("{}\n", refusal);
    example::require(refusal.find("AUTHENTICATION_FAILED") != std::string::npos, "another one does not");

    co_await server.shutdown();
}

int main()
{
    return example::run(authentication);
}
