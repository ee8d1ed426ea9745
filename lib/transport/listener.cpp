#include "transport/listener.hpp"

#include "transport/socket_address.hpp"

#include <strandcast/error.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/local/stream_protocol.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <variant>

namespace strandcast
{

namespace
{

[[noreturn]] void throwUnavailable(const ListenAddress& address, std::string_view why)
{
    throw Error(Errc::addressUnavailable,
                fmt::format("cannot listen on {}: {}", formatListenAddress(address), why));
}

void throwIfFailed(const ListenAddress& address, const asio::error_code& error)
{
    if (error) throwUnavailable(address, error.message());
}

asio::error_code shareThePort(int descriptor)
{
    const int on = 1;
    if (::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) return {};
    return {errno, std::system_category()};
}

bool somebodyWaits(int descriptor) noexcept
{
    ::pollfd asked{descriptor, POLLIN, 0};
    return ::poll(&asked, 1, 0) != 0;
}

std::optional<int> optionOf(int descriptor, int name) noexcept
{
    int value = 0;
    ::socklen_t size = sizeof value;
    if (::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
    return value;
}

}  // namespace

Listener::Listener(ShardExecutor executor, const ListenAddress& address, ListenOptions options)
    : acceptor_(executor),
      address_(address)
{
    std::visit([&](const auto& place) { open(place, options); }, address);
    asio::error_code error;
    acceptor_.non_blocking(true, error);
    throwIfFailed(address, error);
    const auto bound = acceptor_.local_endpoint(error);
    throwIfFailed(address, error);
    if (auto known = listenAddressOf(bound)) address_ = std::move(*known);
}

void Listener::open(const TcpAddress& address, ListenOptions options)
{
    asio::error_code error;
    const auto ip = asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
    if (error)
        throw Error(
            Errc::addressUnavailable,
            fmt::format("cannot listen on {}: a numeric IPv4 or IPv6 address is expected", address.host));
    listenAt(asio::ip::tcp::endpoint(ip, address.port), options);
}

void Listener::open(const UnixAddress& address, ListenOptions options)
{
    if (address.path.size() >= sizeof(::sockaddr_un::sun_path) || address.path.empty())
        throwUnavailable(address, "a path of 1 to 107 bytes is expected");
    SocketFile::removeStale(address.path);
    options.reusePort = false;  // is for ports
    listenAt(asio::local::stream_protocol::endpoint(address.path), options);
    file_.emplace(address.path);
}

void Listener::open(const OpenSocket& socket, ListenOptions)
{
    const auto type = optionOf(socket.descriptor, SO_TYPE);
    const auto family = optionOf(socket.descriptor, SO_DOMAIN);
    const auto listens = optionOf(socket.descriptor, SO_ACCEPTCONN);
    if (type != SOCK_STREAM || !family || listens != 1)
        throwUnavailable(socket, "it is no stream socket that listens");
    const int own = ::fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 3);
    if (own < 0) throwUnavailable(socket, std::system_category().message(errno));
    asio::error_code error;
    acceptor_.assign(asio::generic::stream_protocol(*family, 0), own, error);
    if (error) ::close(own);
    throwIfFailed(socket, error);
}

void Listener::listenAt(const StreamEndpoint& endpoint, ListenOptions options)
{
    const bool isUnix = endpoint.protocol().family() == AF_UNIX;
    asio::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error && !isUnix) acceptor_.set_option(Acceptor::reuse_address(true), error);
    if (!error && options.reusePort) error = shareThePort(acceptor_.native_handle());
    if (!error && options.onlyV6 && endpoint.protocol().family() == AF_INET6)
        acceptor_.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(Acceptor::max_listen_connections, error);
    throwIfFailed(address_, error);
}

// Not by Asio, whose reactor would take the socket in for nothing: the poll set is to have it.
AcceptedSocket Listener::tryAccept(asio::error_code& error)
{
    int accepted = -1;
    do accepted = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (accepted < 0 && errno == EINTR);
    error = accepted >= 0 ? asio::error_code() : asio::error_code(errno, asio::error::get_system_category());
    if (accepted >= 0) return AcceptedSocket(accepted);
    // Some systems' word for a peer that has gone already.
    if (error == std::errc::protocol_error) error = asio::error::connection_aborted;
    // Without a descriptor that is the error whether somebody waits or not.
    if ((error == asio::error::no_descriptors || error == std::errc::too_many_files_open_in_system) &&
        !somebodyWaits(acceptor_.native_handle()))
        error = asio::error::would_block;
    return AcceptedSocket();
}

Strand<> Listener::wait()
{
    return acceptor_.async_wait(Acceptor::wait_read, useStrand);
}

void Listener::close() noexcept
{
    asio::error_code ignored;
    acceptor_.close(ignored);
    file_.reset();
}

}  // namespace strandcast
