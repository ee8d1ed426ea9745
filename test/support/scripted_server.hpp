#pragma once

#include "support/wire.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// The client has gone while the script wanted more of it. It ends the script, and no test.
struct ClientLeft : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

/// A server's end of one connection, which says what the test's script tells it to say, right or wrong. Every
/// wait has a limit, past which it throws.
class ServerEnd
{
public:
    explicit ServerEnd(asio::ip::tcp::socket socket);
    ServerEnd(ServerEnd&&) noexcept = default;

    /// The head of the client's HTTP request.
    asio::awaitable<std::string> requestHead();
    /// The upgrade alone.
    asio::awaitable<void> upgrade();
    /// The version-negotiation alone.
    asio::awaitable<void> negotiate(std::string versions = R"(["1.0.0"])");
    /// Both.
    asio::awaitable<void> open();

    asio::awaitable<void> write(std::string bytes);
    /// Sends a text message.
    asio::awaitable<void> say(std::string text);
    asio::awaitable<void> ack(std::string messageId, bool success = true);
    /// An error whose own id is `id`; `messageId` only where one is given.
    asio::awaitable<void> refuse(std::string id, std::string code, std::string message,
                                 std::optional<std::string> messageId = {});
    asio::awaitable<void> event(std::string topic, std::string data, std::uint64_t number);
    asio::awaitable<void> close(unsigned code, std::string reason = {});

    /// The client's next message, past pings, which are answered; throws where it is of another type.
    asio::awaitable<boost::json::object> expect(std::string type);
    /// The same, and acks it.
    asio::awaitable<boost::json::object> grant(std::string type);
    /// Acks all that comes until the client closes or goes. What it was: "1000 reason", or "1006".
    asio::awaitable<std::string> grantAll();
    /// Answers nothing, and reads until the client closes or goes.
    asio::awaitable<std::string> ignoreAll();
    /// The next frame; nothing at the end.
    asio::awaitable<std::optional<wire::Frame>> frame();
    /// The next text message that is no ping of the protocol's; nothing where the client closed, or went.
    asio::awaitable<std::optional<boost::json::object>> message();
    /// What the client's Close said, once it has come: "1000 reason"; "1006" where it went without.
    [[nodiscard]] const std::string& leftWith() const { return leftWith_; }

    void reset();
    void end();
    /// Of the protocol's own pings, answered or not.
    [[nodiscard]] std::size_t pings() const { return pings_; }
    void answerPings(bool yes) { answersPings_ = yes; }
    [[nodiscard]] std::shared_ptr<asio::ip::tcp::socket> socket() const { return socket_; }

private:
    struct Deadline;

    asio::awaitable<bool> readSome();

    std::shared_ptr<asio::ip::tcp::socket> socket_;
    std::shared_ptr<asio::steady_timer> limit_;
    std::string received_;
    std::string leftWith_ = "1006";
    std::size_t pings_ = 0;
    bool answersPings_ = true;
    bool closed_ = false;
};

/// A server of the tests' own on a free port of the loopback, of which every connection follows a script.
class ScriptedServer
{
public:
    /// The number of the connection counts from 1. The script's end is the connection's: a Close of the
    /// client's is answered before.
    using Script = std::function<asio::awaitable<void>(ServerEnd& client, int number)>;

    ScriptedServer(asio::io_context& io, Script script, std::optional<int> receiveBuffer = {});
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer() { stop(); }

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string url() const;
    /// How many connections came, and how many are there.
    [[nodiscard]] int connections() const;
    [[nodiscard]] int running() const;

    /// No further connection is accepted, and those that are there end.
    void stop();

private:
    struct State;

    static asio::awaitable<void> accept(std::shared_ptr<State> state);
    static asio::awaitable<void> run(std::shared_ptr<State> state, ServerEnd client, int number);

    std::shared_ptr<State> state_;
};

/// A server's message: `type` and what follows the envelope, such as `"topic":"a"`.
std::string serverMessage(std::string_view type, std::string_view fields, std::string_view id = "s-1");

/// The id of a client's message.
std::string idOf(const boost::json::object& message);

/// A port that nobody listens on.
std::uint16_t refusedPort(asio::io_context& io);
