#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace strandcast
{

/// An HTTP proxy that tunnels (RFC 9110, section 9.3.6): `http://[user[:password]@]host[:port]`.
struct Proxy
{
    std::string host;
    std::uint16_t port = 80;
    std::string authorization = {};  ///< of the Proxy-Authorization header; empty where there is no user

    /// @throws Error with Errc::invalidArgument, saying what was expected; never what was given, which may
    /// hold a password.
    [[nodiscard]] static Proxy parse(std::string_view url);
};

/// Asks the proxy that `transport` leads to for a tunnel to `host` and `port`. Afterwards the transport is
/// that tunnel.
/// @throws Error with Errc::connectFailed, naming the proxy and its answer; asio::system_error with
/// operation_aborted when cancelled.
[[nodiscard]] Strand<> openTunnel(Transport& transport, Proxy proxy, std::string host, std::uint16_t port);

}  // namespace strandcast
