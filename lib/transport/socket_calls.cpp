#include "transport/socket_calls.hpp"

#include "transport/socket_address.hpp"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace strandcast
{

namespace
{

// More buffers than this in one call gain nothing; IOV_MAX is 1024.
constexpr std::size_t maxBuffersPerWrite = 256;

Transfer stopped(int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK) return Transfer::wouldBlock();
    return Transfer::failed({error, std::system_category()});
}

}  // namespace

Transfer receiveNow(int descriptor, std::span<std::byte> buffer)
{
    for (;;)
    {
        const auto size = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size > 0) return Transfer::moved(static_cast<std::size_t>(size));
        if (size == 0) return Transfer::end();
        if (errno != EINTR) return stopped(errno);
    }
}

Transfer sendNow(int descriptor, std::span<const std::span<const std::byte>> buffers)
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
        const auto size = count == 1 ? ::send(descriptor, pieces[0].iov_base, pieces[0].iov_len, flags)
                                     : ::sendmsg(descriptor, &message, flags);
        if (size >= 0) return Transfer::moved(static_cast<std::size_t>(size));
        if (errno != EINTR) return stopped(errno);
    }
}

bool hasPeerGone(int descriptor)
{
    ::pollfd asked{descriptor, POLLRDHUP, 0};  // POLLHUP and POLLERR are told unasked
    return ::poll(&asked, 1, 0) > 0;
}

std::string peerAddressOf(int descriptor)
{
    StreamEndpoint endpoint;
    auto size = static_cast<::socklen_t>(endpoint.capacity());
    if (::getpeername(descriptor, endpoint.data(), &size) != 0) return "unknown";
    endpoint.resize(size);
    return toString(endpoint);
}

void shutdownSending(int descriptor) noexcept
{
    ::shutdown(descriptor, SHUT_WR);
}

void sendWithoutDelay(int descriptor) noexcept
{
    const int on = 1;
    static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

}  // namespace strandcast
