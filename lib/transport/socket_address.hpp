#pragma once

#include "transport/stream.hpp"

#include <strandcast/listen_address.hpp>

#include <asio/ip/address.hpp>

#include <optional>

namespace strandcast
{

/// Where a socket is, or its peer: a TcpAddress or a UnixAddress, whose path is empty where it has none.
/// Nothing for another family.
[[nodiscard]] std::optional<ListenAddress> listenAddressOf(const StreamEndpoint& endpoint);

/// Where the socket of a descriptor is; nothing where it is none.
[[nodiscard]] std::optional<ListenAddress> listenAddressOf(int descriptor);

/// The address alone; nothing where it has none, as Unix sockets.
[[nodiscard]] std::optional<asio::ip::address> ipAddressOf(const StreamEndpoint& endpoint);

}  // namespace strandcast
