#pragma once

#include "support/wire.hpp"

#include <asio/awaitable.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// A client of the tests' own, of which no line is the library's: it says what it is told to say, right or
/// wrong, and shows what comes back. Every wait has a limit, past which it throws.
class RawPeer
{
public:
    explicit RawPeer(asio::io_context& io);
    RawPeer(RawPeer&&) noexcept = default;
    ~RawPeer();

    /// Connects, without an upgrade. A small receive buffer makes a slow reader.
    asio::awaitable<void> connect(std::uint16_t port, std::optional<int> receiveBuffer = {});
    /// The same to an address as WSServer::addresses() names it, from one of this machine's or any.
    asio::awaitable<void> connectTo(std::string address, std::string from = {});
    /// The upgrade alone; throws where the answer is not the right one.
    asio::awaitable<void> upgrade(std::string path = "/");
    /// Both, and the server's version-negotiation.
    asio::awaitable<void> join(std::uint16_t port, std::optional<int> receiveBuffer = {});
    asio::awaitable<void> joinAt(std::string address, std::string from = {});

    asio::awaitable<void> write(std::string bytes);
    /// Sends a text message, masked.
    asio::awaitable<void> send(std::string text);
    asio::awaitable<void> sendClose(unsigned code, std::string_view reason = {});

    /// Whatever comes until the end of the stream.
    asio::awaitable<std::string> rest();
    /// The head of an HTTP response, or what came before the end.
    asio::awaitable<std::string> responseHead();
    /// The next frame, or nothing at the end.
    asio::awaitable<std::optional<wire::Frame>> frame();
    /// The next text message, past the server's pings; throws where something else comes.
    asio::awaitable<boost::json::object> message();
    /// The same as the text that came.
    asio::awaitable<std::string> text();
    /// Sends a request, and gives the next message.
    asio::awaitable<boost::json::object> ask(std::string text);
    /// Reads on until the server's Close, whatever comes before it, and then its end: "1008 Reason". The end
    /// alone is "1006".
    asio::awaitable<std::string> closed();
    /// Says Close, and waits for the server's and the end.
    asio::awaitable<std::string> leave();

    void halfClose();
    /// Goes without a word: an RST.
    void reset();
    void close();

private:
    struct Deadline;

    asio::awaitable<bool> readSome();
    asio::awaitable<void> beginConversation();

    std::shared_ptr<asio::generic::stream_protocol::socket> socket_;
    std::shared_ptr<asio::steady_timer> limit_;
    std::string received_;
};

/// A message of version 1.0.0 with these fields behind the envelope, such as `"topics":["a"]`.
std::string request(std::string_view type, std::string_view id, std::string_view fields = {});

/// `type`, and what an ack or an error says, in short: `ack m-1`, `error m-1 PUBLISH_FAILED`, `pong m-1`,
/// `event topic 7 data`. An error's id and messageId are the same, or it says so.
std::string brief(const boost::json::object& message);
