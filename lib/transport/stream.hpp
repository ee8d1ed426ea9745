#pragma once

#include "transport/accepted_socket.hpp"
#include "transport/poll_set.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <string>

namespace strandcast
{

/// A stream socket of any family: TCP, or Unix.
using StreamSocket = asio::basic_stream_socket<asio::generic::stream_protocol, ShardExecutor>;
using StreamEndpoint = asio::generic::stream_protocol::endpoint;

/// A connected stream socket as a transport: non-blocking, TCP without Nagle's delay.
class StreamTransport final : public Transport
{
public:
    /// @throws std::system_error where the system has no room to wait for it; it is closed then.
    explicit StreamTransport(StreamSocket socket);
    StreamTransport(ShardExecutor executor, AcceptedSocket socket);

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override;
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override;
    [[nodiscard]] Strand<> waitReadable() override { return socket_.waitReadable(); }
    [[nodiscard]] bool notifyReadable(Waiter& waiter) override { return socket_.notifyReadable(waiter); }
    [[nodiscard]] Strand<> waitWritable() override { return socket_.waitWritable(); }
    [[nodiscard]] bool isPeerGone() override;
    void shutdownWrite() noexcept override;
    void close() noexcept override { socket_.close(); }
    [[nodiscard]] std::string peerAddress() const override;

private:
    PollSet::Socket socket_;
};

/// An address for people: "192.0.2.7:80", "[::1]:80", "unix:/run/it.sock"; of a Unix peer "unix".
[[nodiscard]] std::string toString(const StreamEndpoint& endpoint);

}  // namespace strandcast
