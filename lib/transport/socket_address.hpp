#pragma once

#include <strandcast/listen_address.hpp>

#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/address.hpp>

#include <optional>
#include <string>

namespace strandcast
{

/// Where a stream socket of any family is, or its peer.
using StreamEndpoint = asio::generic::stream_protocol::endpoint;

/// Where a socket is, or its peer: a TcpAddress or a UnixAddress, whose path is empty where it has none.
/// Nothing for another family.
[[nodiscard]] std::optional<ListenAddress> listenAddressOf(const StreamEndpoint& endpoint);

/// Where the socket of a descriptor is; nothing where it is none.
[[nodiscard]] std::optional<ListenAddress> listenAddressOf(int descriptor);

/// An address for people: "192.0.2.7:80", "[::1]:80", "unix:/run/it.sock"; of a Unix peer "unix".
[[nodiscard]] std::string toString(const StreamEndpoint& endpoint);

/// The address alone; nothing where it has none, as Unix sockets.
[[nodiscard]] std::optional<asio::ip::address> ipAddressOf(const StreamEndpoint& endpoint);

}  // namespace strandcast
