#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace strandcast
{

using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, ShardExecutor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, ShardExecutor>;

/// A connected TCP socket as a transport: non-blocking, without Nagle's delay.
class TcpTransport final : public Transport
{
public:
    explicit TcpTransport(TcpSocket socket);

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override;
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override;
    [[nodiscard]] Strand<> waitReadable() override;
    [[nodiscard]] Strand<> waitWritable() override;
    [[nodiscard]] bool isPeerGone() override;
    void shutdownWrite() noexcept override;
    void close() noexcept override;
    [[nodiscard]] std::string peerAddress() const override;

private:
    TcpSocket socket_;
};

/// Opens a listener on `host`, a numeric address, and `port`; 0 lets the system choose.
/// @throws Error with Errc::addressUnavailable, naming the address.
[[nodiscard]] TcpAcceptor listenTcp(ShardExecutor executor, const std::string& host, std::uint16_t port);

/// Connects to the first address of `host` that answers. An address in numbers is not looked up.
/// @throws Error with Errc::connectFailed, naming host and port; asio::system_error with operation_aborted
/// when cancelled.
[[nodiscard]] Strand<std::unique_ptr<Transport>> connectTcp(std::string host, std::uint16_t port);

/// An address and port for people, an IPv6 address in brackets.
[[nodiscard]] std::string toString(const asio::ip::tcp::endpoint& endpoint);

}  // namespace strandcast
