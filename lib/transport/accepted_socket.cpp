#include "transport/accepted_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace strandcast
{

AcceptedSocket::~AcceptedSocket()
{
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<asio::generic::stream_protocol::endpoint> AcceptedSocket::peer() const
{
    asio::generic::stream_protocol::endpoint endpoint;
    auto size = static_cast<::socklen_t>(endpoint.capacity());
    if (::getpeername(descriptor_, endpoint.data(), &size) != 0) return std::nullopt;
    endpoint.resize(size);
    return endpoint;
}

}  // namespace strandcast
