#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace strandcast
{

/// A numeric address, or localhost, and a port; "0.0.0.0" and "::" are every interface.
struct TcpAddress
{
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: the system chooses

    friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};

/// The path of a Unix domain socket, of 107 bytes at most. Who may connect is what the process' umask and the
/// directory say. A socket file that nobody listens on any more is replaced; any other file never is. It goes
/// when listening ends.
struct UnixAddress
{
    std::string path;

    friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

/// A stream socket that listens already, such as systemd's socket activation hands over, of TCP or Unix. It
/// is duplicated: the descriptor stays the caller's.
struct OpenSocket
{
    int descriptor = -1;

    friend bool operator==(const OpenSocket&, const OpenSocket&) = default;
};

/// A place to listen on.
using ListenAddress = std::variant<TcpAddress, UnixAddress, OpenSocket>;

/// For people, and for parseListenAddress(): "127.0.0.1:80", "[::1]:80", "unix:/run/it.sock", "fd:3".
[[nodiscard]] std::string formatListenAddress(const ListenAddress& address);

/// Reads the above, of which a host may be localhost; nothing where it is none of these.
[[nodiscard]] std::optional<ListenAddress> parseListenAddress(std::string_view text);

}  // namespace strandcast
