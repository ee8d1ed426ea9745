#include "transport/stream.hpp"

#include "transport/socket_address.hpp"

#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace strandcast
{

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

// What a wait on a closed stream ends with; Asio's own would be bad_descriptor.
Strand<> alreadyClosed()
{
    throw asio::system_error(asio::error::operation_aborted);
    co_return;
}

}  // namespace

StreamTransport::StreamTransport(StreamSocket socket) : socket_(std::move(socket))
{
    asio::error_code ignored;  // a peer that is gone already shows in the first read; Unix has no delay
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Transfer StreamTransport::tryRead(std::span<std::byte> buffer)
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

Transfer StreamTransport::tryWrite(std::span<const std::span<const std::byte>> buffers)
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
Strand<> StreamTransport::waitReadable()
{
    if (!socket_.is_open()) return alreadyClosed();
    return socket_.async_wait(StreamSocket::wait_read, useStrand);
}

Strand<> StreamTransport::waitWritable()
{
    if (!socket_.is_open()) return alreadyClosed();
    return socket_.async_wait(StreamSocket::wait_write, useStrand);
}

bool StreamTransport::isPeerGone()
{
    ::pollfd asked{socket_.native_handle(), POLLRDHUP, 0};  // POLLHUP and POLLERR are told unasked
    return ::poll(&asked, 1, 0) > 0;
}

void StreamTransport::shutdownWrite() noexcept
{
    asio::error_code ignored;  // the peer may be gone already
    socket_.shutdown(StreamSocket::shutdown_send, ignored);
}

void StreamTransport::close() noexcept
{
    asio::error_code ignored;
    socket_.close(ignored);
}

std::string StreamTransport::peerAddress() const
{
    asio::error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    return error ? std::string("unknown") : toString(endpoint);
}

std::string toString(const StreamEndpoint& endpoint)
{
    const auto address = listenAddressOf(endpoint);
    if (!address) return "unknown";
    const auto* const local = std::get_if<UnixAddress>(&*address);
    return local && local->path.empty() ? std::string("unix") : formatListenAddress(*address);
}

}  // namespace strandcast
