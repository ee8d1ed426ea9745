#include "support/scripted_server.hpp"

#include "websocket/handshake_key.hpp"

#include <asio/co_spawn.hpp>
#include <asio/ip/address.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace json = boost::json;
using asio::use_awaitable;
using asio::ip::tcp;

namespace
{

constexpr std::chrono::seconds limit(20);

}  // namespace

// Closes the socket where an operation takes too long; the operation then fails.
struct ServerEnd::Deadline
{
    std::shared_ptr<asio::steady_timer> timer;
    std::shared_ptr<bool> passed = std::make_shared<bool>(false);

    explicit Deadline(ServerEnd& end) : timer(end.limit_)
    {
        timer->expires_after(limit);
        timer->async_wait(
            [socket = end.socket_, passed = passed](const asio::error_code& stopped)
            {
                if (stopped) return;
                *passed = true;
                asio::error_code ignored;
                socket->close(ignored);
            });
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline() { timer->cancel(); }
};

ServerEnd::ServerEnd(tcp::socket socket)
    : socket_(std::make_shared<tcp::socket>(std::move(socket))),
      limit_(std::make_shared<asio::steady_timer>(socket_->get_executor()))
{
}

asio::awaitable<bool> ServerEnd::readSome()
{
    const Deadline deadline(*this);
    std::string buffer(64 * 1024, '\0');
    asio::error_code error;
    const auto size =
        co_await socket_->async_read_some(asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (*deadline.passed) throw std::runtime_error("the client said nothing within the limit");
    received_.append(buffer, 0, size);
    co_return !error;
}

asio::awaitable<void> ServerEnd::write(std::string bytes)
{
    const Deadline deadline(*this);
    asio::error_code error;
    co_await asio::async_write(*socket_, asio::buffer(bytes), asio::redirect_error(use_awaitable, error));
    if (*deadline.passed) throw std::runtime_error("the client took nothing within the limit");
    if (error) throw ClientLeft("the client left before it was written to");
}

asio::awaitable<std::string> ServerEnd::requestHead()
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
        if (!more) throw ClientLeft("the client left before its request was there");
    }
}

asio::awaitable<void> ServerEnd::upgrade()
{
    const auto head = co_await requestHead();
    constexpr std::string_view name = "Sec-WebSocket-Key: ";
    const auto place = head.find(name);
    if (place == std::string::npos) throw std::runtime_error("no key in the request: " + head);
    const auto begin = place + name.size();
    const auto key = head.substr(begin, head.find("\r\n", begin) - begin);
    co_await write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: " +
                   strandcast::acceptKey(key) + "\r\n\r\n");
}

asio::awaitable<void> ServerEnd::negotiate(std::string versions)
{
    return say(serverMessage("version-negotiation", R"("supportedVersions":)" + versions));
}

asio::awaitable<void> ServerEnd::open()
{
    co_await upgrade();
    co_await negotiate();
}

asio::awaitable<void> ServerEnd::say(std::string text)
{
    return write(wire::unmasked(wire::text, text));
}

asio::awaitable<void> ServerEnd::ack(std::string messageId, bool success)
{
    return say(serverMessage("ack", fmt::format(R"("messageId":"{}","success":{})", messageId, success)));
}

asio::awaitable<void> ServerEnd::refuse(std::string id, std::string code, std::string message,
                                        std::optional<std::string> messageId)
{
    auto fields = fmt::format(R"("code":"{}","message":"{}")", code, message);
    if (messageId) fields += fmt::format(R"(,"messageId":"{}")", *messageId);
    return say(serverMessage("error", fields, id));
}

asio::awaitable<void> ServerEnd::event(std::string topic, std::string data, std::uint64_t number)
{
    return say(serverMessage(
        "event", fmt::format(R"("topic":"{}","data":{},"sequenceNumber":{})", topic, data, number)));
}

asio::awaitable<void> ServerEnd::close(unsigned code, std::string reason)
{
    return write(wire::unmasked(wire::close, wire::closePayload(code, reason)));
}

asio::awaitable<std::optional<wire::Frame>> ServerEnd::frame()
{
    for (;;)
    {
        if (auto frame = wire::takeFrame(received_)) co_return frame;
        const bool more = co_await readSome();
        if (!more) co_return std::nullopt;
    }
}

asio::awaitable<std::optional<json::object>> ServerEnd::message()
{
    while (!closed_)
    {
        const auto next = co_await frame();
        if (!next) co_return std::nullopt;
        if (next->opcode == wire::close)
        {
            closed_ = true;
            leftWith_ = std::to_string(wire::closeCode(*next));
            if (next->payload.size() > 2) leftWith_ += " " + next->payload.substr(2);
            co_await write(wire::unmasked(wire::close, next->payload));
            co_return std::nullopt;
        }
        if (next->opcode == wire::ping)
        {
            if (answersPings_) co_await write(wire::unmasked(wire::pong, next->payload));
            continue;
        }
        if (next->opcode == wire::pong) continue;
        if (next->opcode != wire::text || !next->fin)
            throw std::runtime_error(fmt::format("the client sent a frame of opcode {}", next->opcode));
        auto object = json::parse(next->payload).as_object();
        if (object.at("type").as_string() != "ping") co_return object;
        ++pings_;
        if (answersPings_) co_await say(serverMessage("pong", R"("latency":3)", idOf(object)));
    }
    co_return std::nullopt;
}

asio::awaitable<json::object> ServerEnd::expect(std::string type)
{
    auto next = co_await message();
    if (!next) throw ClientLeft("the client left instead of sending " + type);
    if (next->at("type").as_string() != type)
        throw std::runtime_error(fmt::format("the client sent '{}' instead of '{}'",
                                             std::string(next->at("type").as_string()), type));
    co_return std::move(*next);
}

asio::awaitable<json::object> ServerEnd::grant(std::string type)
{
    auto request = co_await expect(std::move(type));
    co_await ack(idOf(request));
    co_return request;
}

asio::awaitable<std::string> ServerEnd::grantAll()
{
    while (const auto request = co_await message()) co_await ack(idOf(*request));
    co_return leftWith_;
}

asio::awaitable<std::string> ServerEnd::ignoreAll()
{
    for (;;)
    {
        const auto request = co_await message();
        if (!request) co_return leftWith_;
    }
}

void ServerEnd::reset()
{
    asio::error_code ignored;
    socket_->set_option(asio::socket_base::linger(true, 0), ignored);
    socket_->close(ignored);
}

void ServerEnd::end()
{
    asio::error_code ignored;
    socket_->close(ignored);
}

struct ScriptedServer::State
{
    State(asio::io_context& io, Script given, std::optional<int> receiveBuffer)
        : acceptor(io),
          script(std::move(given))
    {
        const tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), 0);
        acceptor.open(endpoint.protocol());
        if (receiveBuffer) acceptor.set_option(asio::socket_base::receive_buffer_size(*receiveBuffer));
        acceptor.bind(endpoint);
        acceptor.listen();
        port = acceptor.local_endpoint().port();
    }

    tcp::acceptor acceptor;
    Script script;
    std::vector<std::weak_ptr<tcp::socket>> sockets;
    std::uint16_t port = 0;
    int connections = 0;
    int running = 0;
};

ScriptedServer::ScriptedServer(asio::io_context& io, Script script, std::optional<int> receiveBuffer)
    : state_(std::make_shared<State>(io, std::move(script), receiveBuffer))
{
    asio::co_spawn(io, accept(state_),
                   [](std::exception_ptr failure)
                   {
                       if (failure) std::rethrow_exception(failure);
                   });
}

std::uint16_t ScriptedServer::port() const
{
    return state_->port;
}

std::string ScriptedServer::url() const
{
    return fmt::format("ws://127.0.0.1:{}", port());
}

int ScriptedServer::connections() const
{
    return state_->connections;
}

int ScriptedServer::running() const
{
    return state_->running;
}

void ScriptedServer::stop()
{
    asio::error_code ignored;
    state_->acceptor.close(ignored);
    for (const auto& weak : state_->sockets)
        if (const auto socket = weak.lock()) socket->close(ignored);
    state_->sockets.clear();
}

asio::awaitable<void> ScriptedServer::accept(std::shared_ptr<State> state)
{
    while (state->acceptor.is_open())
    {
        asio::error_code error;
        auto socket = co_await state->acceptor.async_accept(asio::redirect_error(use_awaitable, error));
        if (error || !state->acceptor.is_open()) continue;
        socket.set_option(tcp::no_delay(true));
        ServerEnd client(std::move(socket));
        std::erase_if(state->sockets, [](const auto& weak) { return weak.expired(); });
        state->sockets.push_back(client.socket());
        ++state->running;
        const int number = ++state->connections;
        asio::co_spawn(state->acceptor.get_executor(), run(state, std::move(client), number),
                       [state](std::exception_ptr failure)
                       {
                           --state->running;
                           if (failure) std::rethrow_exception(failure);
                       });
    }
}

asio::awaitable<void> ScriptedServer::run(std::shared_ptr<State> state, ServerEnd client, int number)
{
    try
    {
        co_await state->script(client, number);
    }
    catch (const ClientLeft&)
    {
    }
    client.end();
}

std::string serverMessage(std::string_view type, std::string_view fields, std::string_view id)
{
    return fmt::format(R"({{"id":"{}","type":"{}","version":"1.0.0","timestamp":1700000000000,{}}})", id,
                       type, fields);
}

std::string idOf(const json::object& message)
{
    return std::string(message.at("id").as_string());
}

std::uint16_t refusedPort(asio::io_context& io)
{
    // Bound and not listening: nobody else gets it while the acceptor lives, which is long enough for a port
    // that the system does not hand out again soon.
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    return acceptor.local_endpoint().port();
}
