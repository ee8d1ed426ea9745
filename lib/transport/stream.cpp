#include "transport/stream.hpp"

#include "transport/socket_address.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

// A peer that is gone already shows in the first read, and Unix has no delay.
int withoutDelay(int descriptor)
{
    const int on = 1;
    static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return descriptor;
}

// From here on the poll set waits for it, and Asio no more.
int release(StreamSocket& socket)
{
    asio::error_code ignored;
    socket.non_blocking(true, ignored);
    return withoutDelay(socket.release());
}

}  // namespace

StreamTransport::StreamTransport(StreamSocket socket)
    : socket_{PollSet::of(socket.get_executor()), release(socket)}  // from left to right
{
}

StreamTransport::StreamTransport(ShardExecutor executor, AcceptedSocket socket)
    : socket_{PollSet::of(executor), withoutDelay(socket.release())}
{
}

Transfer StreamTransport::tryRead(std::span<std::byte> buffer)
{
    while (socket_.mayBeReadable())
    {
        const auto size = ::recv(socket_.descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size > 0)
        {
            const auto read = static_cast<std::size_t>(size);
            if (read < buffer.size()) socket_.noteDrained();
            return Transfer::moved(read);
        }
        if (size == 0) return Transfer::end();
        if (errno == EINTR) continue;
        if (!isWouldBlock(errno)) return Transfer::failed(lastError());
        socket_.noteDrained();
        break;
    }
    return Transfer::wouldBlock();
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
    constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    ::msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    for (;;)
    {
        // One piece takes the kernel less by the call that knows no more of them.
        const auto size = count == 1
                              ? ::send(socket_.descriptor(), pieces[0].iov_base, pieces[0].iov_len, flags)
                              : ::sendmsg(socket_.descriptor(), &message, flags);
        if (size >= 0) return Transfer::moved(static_cast<std::size_t>(size));
        if (errno == EINTR) continue;
        if (!isWouldBlock(errno)) return Transfer::failed(lastError());
        socket_.noteFull();
        return Transfer::wouldBlock();
    }
}

bool StreamTransport::isPeerGone()
{
    ::pollfd asked{socket_.descriptor(), POLLRDHUP, 0};  // POLLHUP and POLLERR are told unasked
    return ::poll(&asked, 1, 0) > 0;
}

void StreamTransport::shutdownWrite() noexcept
{
    ::shutdown(socket_.descriptor(), SHUT_WR);  // the peer may be gone already
}

std::string StreamTransport::peerAddress() const
{
    StreamEndpoint endpoint;
    auto size = static_cast<::socklen_t>(endpoint.capacity());
    if (::getpeername(socket_.descriptor(), endpoint.data(), &size) != 0) return "unknown";
    endpoint.resize(size);
    return toString(endpoint);
}

std::string toString(const StreamEndpoint& endpoint)
{
    const auto address = listenAddressOf(endpoint);
    if (!address) return "unknown";
    const auto* const local = std::get_if<UnixAddress>(&*address);
    return local && local->path.empty() ? std::string("unix") : formatListenAddress(*address);
}

}  // namespace strandcast
