#pragma once

#include "transport/accepted_socket.hpp"
#include "transport/socket_address.hpp"
#include "transport/socket_file.hpp"

#include <strandcast/listen_address.hpp>
#include <strandcast/strand.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <optional>

namespace strandcast
{

struct ListenOptions
{
    bool reusePort = false;  ///< SO_REUSEPORT: other sockets that say so as well may share the port
    bool onlyV6 = false;     ///< "::" leaves IPv4 to others
};

/// A socket that listens, of whichever family. Used on its shard's thread alone.
class Listener
{
public:
    /// @throws Error with Errc::addressUnavailable, naming the address.
    Listener(ShardExecutor executor, const ListenAddress& address, ListenOptions options = {});

    /// Where it listens, with the port that the system chose.
    [[nodiscard]] const ListenAddress& address() const noexcept { return address_; }
    [[nodiscard]] bool isOpen() const noexcept { return acceptor_.is_open(); }

    /// The next connection, if there is one now; would_block where there is none.
    [[nodiscard]] AcceptedSocket tryAccept(asio::error_code& error);

    /// Ends when tryAccept() is worth another attempt.
    /// @throws asio::system_error with operation_aborted when cancelled, or when it is closed.
    [[nodiscard]] Strand<> wait();

    /// Ends listening, and every wait. Harmless when repeated.
    void close() noexcept;

private:
    using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, ShardExecutor>;

    void open(const TcpAddress& address, ListenOptions options);
    void open(const UnixAddress& address, ListenOptions options);
    void open(const OpenSocket& socket, ListenOptions options);
    void listenAt(const StreamEndpoint& endpoint, ListenOptions options);

    Acceptor acceptor_;
    std::optional<SocketFile> file_;
    ListenAddress address_;
};

}  // namespace strandcast
