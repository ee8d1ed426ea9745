#include "wire.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace load
{

void fail(std::string_view what)
{
    std::fprintf(stderr, "load: %.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

namespace
{

[[noreturn]] void failed(const char* what)
{
    fail(std::string(what) + ": " + std::strerror(errno));
}

::sockaddr_in address(unsigned host, std::uint16_t port)
{
    ::sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    result.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    return result;
}

::SSL_CTX* makeTlsContext()
{
    ::SSL_CTX* const context = ::SSL_CTX_new(::TLS_client_method());
    // What a full socket refused is offered again with what came behind it.
    if (context)
        ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

::SSL* startTls(int socket)
{
    static ::SSL_CTX* const context = makeTlsContext();
    ::SSL* const tls = context ? ::SSL_new(context) : nullptr;
    if (!tls || ::SSL_set_fd(tls, socket) != 1 || ::SSL_connect(tls) != 1) fail("no TLS with the server");
    return tls;
}

// Nothing is there yet, or the connection is of no use any more.
std::size_t nothingOrFail(::SSL* tls, int result)
{
    const int error = ::SSL_get_error(tls, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail("TLS has ended");
    ::ERR_clear_error();
    return 0;
}

}  // namespace

void Wire::FreeTls::operator()(::SSL* tls) const noexcept
{
    ::SSL_free(tls);
}

Wire::Wire(const Target& target, unsigned from)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      isStamped_(target.isStamped)
{
    if (socket_ < 0) failed("socket");
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (isStamped_ && ::setsockopt(socket_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
        failed("SO_TIMESTAMPNS");
    const auto own = address(from, 0);
    if (::bind(socket_, reinterpret_cast<const ::sockaddr*>(&own), sizeof own) != 0) failed("bind");
    const auto server = address(1, target.port);
    if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&server), sizeof server) != 0)
        failed("connect");
    if (target.isSecure) tls_.reset(startTls(socket_));
    if (::fcntl(socket_, F_SETFL, O_NONBLOCK) != 0) failed("fcntl");
}

Wire::Wire(Wire&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      isStamped_(other.isStamped_),
      stamp_(other.stamp_),
      tls_(std::move(other.tls_))
{
}

Wire::~Wire()
{
    if (socket_ >= 0) ::close(socket_);
}

std::size_t Wire::write(std::string_view bytes)
{
    if (tls_)
    {
        const int size = ::SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
        return size > 0 ? static_cast<std::size_t>(size) : nothingOrFail(tls_.get(), size);
    }
    const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) failed("send");
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

std::size_t Wire::read(std::span<char> buffer)
{
    if (tls_)
    {
        const int size = ::SSL_read(tls_.get(), buffer.data(), static_cast<int>(buffer.size()));
        return size > 0 ? static_cast<std::size_t>(size) : nothingOrFail(tls_.get(), size);
    }
    if (isStamped_) return readStamped(buffer);
    const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) failed("the server has closed a connection");
    return static_cast<std::size_t>(size);
}

std::size_t Wire::readStamped(std::span<char> buffer)
{
    alignas(::cmsghdr) std::array<char, 256> control;
    ::iovec piece{buffer.data(), buffer.size()};
    ::msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = ::recvmsg(socket_, &message, 0);
    if (size < 0 && errno == EAGAIN) return 0;
    if (size <= 0) failed("the server has closed a connection");
    for (auto* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
    {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_TIMESTAMPNS) continue;
        ::timespec time;
        std::memcpy(&time, CMSG_DATA(one), sizeof time);
        stamp_ = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    }
    return static_cast<std::size_t>(size);
}

void Wire::waitReadable() const
{
    if (tls_ && ::SSL_pending(tls_.get()) > 0) return;
    ::pollfd asked{socket_, POLLIN, 0};
    if (::poll(&asked, 1, 30'000) <= 0) fail("no answer in 30 s");
}

}  // namespace load
