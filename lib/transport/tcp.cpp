#include "transport/tcp.hpp"

#include "transport/resolve.hpp"

#include <strandcast/error.hpp>

#include <asio/connect.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace strandcast
{

using asio::ip::tcp;

namespace
{

// More buffers than this in one call gain nothing; IOV_MAX is 1024.
constexpr std::size_t maxBuffersPerWrite = 256;

std::error_code lastError()
{
    return {errno, std::system_category()};
}

bool isWouldBlock(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

void throwIfCancelled(const asio::error_code& error)
{
    if (error == asio::error::operation_aborted) throw asio::system_error(error);
}

// What a wait on a closed stream ends with; Asio's own would be bad_descriptor.
Strand<> alreadyClosed()
{
    throw asio::system_error(asio::error::operation_aborted);
    co_return;
}

}  // namespace

TcpTransport::TcpTransport(TcpSocket socket) : socket_(std::move(socket))
{
    asio::error_code ignored;  // a peer that is gone already shows in the first read
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
}

Transfer TcpTransport::tryRead(std::span<std::byte> buffer)
{
    for (;;)
    {
        const auto size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size > 0) return Transfer::moved(static_cast<std::size_t>(size));
        if (size == 0) return Transfer::end();
        if (errno == EINTR) continue;
        if (isWouldBlock(errno)) return Transfer::wouldBlock();
        return Transfer::failed(lastError());
    }
}

Transfer TcpTransport::tryWrite(std::span<const std::span<const std::byte>> buffers)
{
    std::array<::iovec, maxBuffersPerWrite> pieces;
    std::size_t count = 0;
    for (const auto buffer : buffers)
    {
        if (buffer.empty()) continue;
        if (count == pieces.size()) break;
        pieces[count++] = {const_cast<std::byte*>(buffer.data()),
                           buffer.size()};  // sendmsg() does not write there
    }
    ::msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    for (;;)
    {
        const auto size = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size >= 0) return Transfer::moved(static_cast<std::size_t>(size));
        if (errno == EINTR) continue;
        if (isWouldBlock(errno)) return Transfer::wouldBlock();
        return Transfer::failed(lastError());
    }
}

// No coroutine of their own: a frame for each idle client would be half of what it costs.
Strand<> TcpTransport::waitReadable()
{
    if (!socket_.is_open()) return alreadyClosed();
    return socket_.async_wait(TcpSocket::wait_read, useStrand);
}

Strand<> TcpTransport::waitWritable()
{
    if (!socket_.is_open()) return alreadyClosed();
    return socket_.async_wait(TcpSocket::wait_write, useStrand);
}

bool TcpTransport::isPeerGone()
{
    ::pollfd asked{socket_.native_handle(), POLLRDHUP, 0};  // POLLHUP and POLLERR are told unasked
    return ::poll(&asked, 1, 0) > 0;
}

void TcpTransport::shutdownWrite() noexcept
{
    asio::error_code ignored;  // the peer may be gone already
    socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

void TcpTransport::close() noexcept
{
    asio::error_code ignored;
    socket_.close(ignored);
}

std::string TcpTransport::peerAddress() const
{
    asio::error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    return error ? std::string("unknown") : toString(endpoint);
}

TcpAcceptor listenTcp(ShardExecutor executor, const std::string& host, std::uint16_t port)
{
    asio::error_code error;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error)
        throw Error(Errc::addressUnavailable,
                    fmt::format("cannot listen on {}: a numeric IPv4 or IPv6 address is expected", host));
    const tcp::endpoint endpoint(address, port);
    TcpAcceptor acceptor(executor);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(TcpAcceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(TcpAcceptor::max_listen_connections, error);
    if (!error) acceptor.non_blocking(true, error);
    if (error)
        throw Error(Errc::addressUnavailable,
                    fmt::format("cannot listen on {}: {}", toString(endpoint), error.message()));
    return acceptor;
}

Strand<std::unique_ptr<Transport>> connectTcp(std::string host, std::uint16_t port)
{
    const auto addresses = co_await resolve(host, port);
    TcpSocket socket(co_await asio::this_coro::executor);
    asio::error_code error;
    co_await asio::async_connect(socket, addresses, asio::redirect_error(useStrand, error));
    throwIfCancelled(error);
    if (error)
        throw Error(Errc::connectFailed,
                    fmt::format("cannot connect to {}:{}: {}", host, port, error.message()));
    co_return std::make_unique<TcpTransport>(std::move(socket));
}

std::string toString(const tcp::endpoint& endpoint)
{
    return endpoint.address().is_v6()
               ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
               : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

}  // namespace strandcast
