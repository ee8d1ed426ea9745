#include "support/raw_peer.hpp"

#include <asio/connect.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace json = boost::json;
using asio::use_awaitable;

namespace
{

constexpr std::chrono::seconds limit(20);

}  // namespace

// Closes the socket where an operation takes too long; the operation then fails.
struct RawPeer::Deadline
{
    std::shared_ptr<asio::steady_timer> timer;

    explicit Deadline(RawPeer& peer) : timer(peer.limit_)
    {
        timer->expires_after(limit);
        timer->async_wait(
            [socket = peer.socket_](const asio::error_code& stopped)
            {
                if (stopped) return;
                asio::error_code ignored;
                socket->close(ignored);
            });
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline() { timer->cancel(); }
};

RawPeer::RawPeer(asio::io_context& io)
    : socket_(std::make_shared<asio::generic::stream_protocol::socket>(io)),
      limit_(std::make_shared<asio::steady_timer>(io))
{
}

RawPeer::~RawPeer()
{
    if (socket_) close();
}

asio::awaitable<void> RawPeer::connect(std::uint16_t port, std::optional<int> receiveBuffer)
{
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), port);
    socket_->open(endpoint.protocol());
    if (receiveBuffer) socket_->set_option(asio::socket_base::receive_buffer_size(*receiveBuffer));
    co_await socket_->async_connect(endpoint, use_awaitable);
    socket_->set_option(asio::ip::tcp::no_delay(true));
}

asio::awaitable<void> RawPeer::connectTo(std::string address, std::string from)
{
    if (address.starts_with("unix:"))
    {
        co_await socket_->async_connect(asio::local::stream_protocol::endpoint(address.substr(5)),
                                        use_awaitable);
        co_return;
    }
    const auto colon = address.rfind(':');
    auto host = address.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(host), port);
    socket_->open(endpoint.protocol());
    if (!from.empty()) socket_->bind(asio::ip::tcp::endpoint(asio::ip::make_address(from), 0));
    co_await socket_->async_connect(endpoint, use_awaitable);
    socket_->set_option(asio::ip::tcp::no_delay(true));
}

asio::awaitable<void> RawPeer::upgrade(std::string path)
{
    // The key and its answer are those of RFC 6455, section 1.3.
    co_await write(
        fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    "Sec-WebSocket-Version: 13\r\n\r\n",
                    path));
    const auto head = co_await responseHead();
    if (!head.starts_with("HTTP/1.1 101 ") ||
        head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") == std::string::npos)
        throw std::runtime_error("the upgrade was answered by: " + head);
}

asio::awaitable<void> RawPeer::join(std::uint16_t port, std::optional<int> receiveBuffer)
{
    co_await connect(port, receiveBuffer);
    co_await beginConversation();
}

asio::awaitable<void> RawPeer::joinAt(std::string address, std::string from)
{
    co_await connectTo(std::move(address), std::move(from));
    co_await beginConversation();
}

asio::awaitable<void> RawPeer::beginConversation()
{
    co_await upgrade();
    const auto first = co_await message();
    if (first.at("type") != "version-negotiation") throw std::runtime_error("no version-negotiation came");
}

asio::awaitable<void> RawPeer::write(std::string bytes)
{
    const Deadline deadline(*this);
    co_await asio::async_write(*socket_, asio::buffer(bytes), use_awaitable);
}

asio::awaitable<void> RawPeer::send(std::string text)
{
    return write(wire::masked(wire::text, text));
}

asio::awaitable<void> RawPeer::sendClose(unsigned code, std::string_view reason)
{
    return write(wire::masked(wire::close, wire::closePayload(code, reason)));
}

asio::awaitable<bool> RawPeer::readSome()
{
    const Deadline deadline(*this);
    std::string buffer(64 * 1024, '\0');
    asio::error_code error;
    const auto size =
        co_await socket_->async_read_some(asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor)
        throw std::runtime_error("nothing came within the limit");
    received_.append(buffer, 0, size);
    co_return !error;
}

asio::awaitable<std::string> RawPeer::rest()
{
    while (co_await readSome())
    {
    }
    co_return std::exchange(received_, {});
}

asio::awaitable<std::string> RawPeer::responseHead()
{
    for (;;)
    {
        if (const auto end = received_.find("\r\n\r\n"); end != std::string::npos)
        {
            auto head = received_.substr(0, end + 4);
            received_.erase(0, end + 4);
            co_return head;
        }
        const bool more = co_await readSome();
        if (!more) co_return std::exchange(received_, {});
    }
}

asio::awaitable<std::optional<wire::Frame>> RawPeer::frame()
{
    for (;;)
    {
        if (auto frame = wire::takeFrame(received_)) co_return frame;
        const bool more = co_await readSome();
        if (!more) co_return std::nullopt;
    }
}

asio::awaitable<std::string> RawPeer::text()
{
    for (;;)
    {
        const auto next = co_await frame();
        if (!next) throw std::runtime_error("the end came instead of a message");
        if (next->opcode == wire::ping) continue;
        if (next->opcode != wire::text || !next->fin)
            throw std::runtime_error(fmt::format("opcode {} came instead of a message: {} {}", next->opcode,
                                                 wire::closeCode(*next), next->payload));
        co_return next->payload;
    }
}

asio::awaitable<json::object> RawPeer::message()
{
    const auto came = co_await text();
    co_return json::parse(came).as_object();
}

asio::awaitable<json::object> RawPeer::ask(std::string question)
{
    co_await send(std::move(question));
    co_return co_await message();
}

asio::awaitable<std::string> RawPeer::closed()
{
    std::string reason = "1006";
    for (;;)
    {
        const auto next = co_await frame();
        if (!next) co_return reason;
        if (next->opcode != wire::close) continue;
        reason = std::to_string(wire::closeCode(*next));
        if (next->payload.size() > 2) reason += " " + next->payload.substr(2);
    }
}

asio::awaitable<std::string> RawPeer::leave()
{
    co_await sendClose(1000);
    co_return co_await closed();
}

void RawPeer::halfClose()
{
    asio::error_code ignored;
    socket_->shutdown(asio::socket_base::shutdown_send, ignored);
}

void RawPeer::reset()
{
    asio::error_code ignored;
    socket_->set_option(asio::socket_base::linger(true, 0), ignored);
    socket_->close(ignored);
}

void RawPeer::close()
{
    asio::error_code ignored;
    socket_->close(ignored);
}

std::string request(std::string_view type, std::string_view id, std::string_view fields)
{
    return fmt::format(R"({{"id":"{}","type":"{}","version":"1.0.0","timestamp":1700000000000{}{}}})", id,
                       type, fields.empty() ? "" : ",", fields);
}

std::string brief(const json::object& message)
{
    const auto string = [&](std::string_view key)
    {
        const auto* const value = message.if_contains(key);
        return value && value->is_string() ? std::string(value->as_string()) : std::string("-");
    };
    const auto type = string("type");
    if (string("id").size() < 2 && string("id") == "-") return type + " without an id";
    if (type == "ack") return (message.at("success").as_bool() ? "ack " : "nack ") + string("messageId");
    if (type == "error")
        return string("messageId") != "-" && string("messageId") != string("id")
                   ? "error with two ids"
                   : "error " + string("messageId") + " " + string("code");
    if (type == "event")
    {
        auto out = "event " + string("topic");
        if (const auto* const number = message.if_contains("sequenceNumber"))
            out += " " + json::serialize(*number);
        if (const auto* const data = message.if_contains("data")) out += " " + json::serialize(*data);
        return out;
    }
    return type + " " + string("id");
}
