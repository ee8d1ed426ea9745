#include "transport/socket_address.hpp"

#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <variant>

namespace strandcast
{

namespace
{

std::optional<asio::ip::tcp::endpoint> tcpEndpointOf(const StreamEndpoint& endpoint)
{
    const auto family = endpoint.protocol().family();
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    asio::ip::tcp::endpoint tcp;
    if (endpoint.size() > tcp.capacity()) return std::nullopt;
    std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
    tcp.resize(endpoint.size());
    return tcp;
}

/// What a Unix socket is bound to; one in the abstract namespace begins with '@', as is the custom.
std::string pathOf(const StreamEndpoint& endpoint)
{
    constexpr auto start = offsetof(::sockaddr_un, sun_path);
    if (endpoint.size() <= start) return {};
    const auto* const bytes = reinterpret_cast<const char*>(endpoint.data()) + start;
    std::string_view path(bytes, endpoint.size() - start);
    if (path.front() == '\0') return path.size() == 1 ? std::string() : '@' + std::string(path.substr(1));
    return std::string(path.substr(0, path.find('\0')));
}

}  // namespace

std::optional<ListenAddress> listenAddressOf(const StreamEndpoint& endpoint)
{
    if (const auto tcp = tcpEndpointOf(endpoint)) return TcpAddress{tcp->address().to_string(), tcp->port()};
    if (endpoint.protocol().family() == AF_UNIX) return UnixAddress{pathOf(endpoint)};
    return std::nullopt;
}

std::optional<ListenAddress> listenAddressOf(int descriptor)
{
    StreamEndpoint endpoint;
    auto size = static_cast<::socklen_t>(endpoint.capacity());
    if (::getsockname(descriptor, reinterpret_cast<::sockaddr*>(endpoint.data()), &size) != 0)
        return std::nullopt;
    endpoint.resize(size);
    return listenAddressOf(endpoint);
}

std::string toString(const StreamEndpoint& endpoint)
{
    const auto address = listenAddressOf(endpoint);
    if (!address) return "unknown";
    const auto* const local = std::get_if<UnixAddress>(&*address);
    return local && local->path.empty() ? std::string("unix") : formatListenAddress(*address);
}

std::optional<asio::ip::address> ipAddressOf(const StreamEndpoint& endpoint)
{
    const auto tcp = tcpEndpointOf(endpoint);
    if (!tcp) return std::nullopt;
    return tcp->address();
}

}  // namespace strandcast
