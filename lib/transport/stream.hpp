#pragma once

#include "transport/accepted_socket.hpp"
#include "transport/poll_set.hpp"
#include "transport/socket_calls.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <string>

namespace strandcast
{

/// A connection that a listener took, as a transport: one of many on its shard, and small. TCP without
/// Nagle's delay.
class StreamTransport final : public Transport
{
public:
    /// @throws std::system_error where the system has no room to wait for it; it is closed then.
    StreamTransport(ShardExecutor executor, AcceptedSocket socket);

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override;
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override;
    [[nodiscard]] Strand<> waitReadable() override { return socket_.waitReadable(); }
    [[nodiscard]] bool notifyReadable(Waiter& waiter) override { return socket_.notifyReadable(waiter); }
    [[nodiscard]] Strand<> waitWritable() override { return socket_.waitWritable(); }
    [[nodiscard]] bool isPeerGone() override { return hasPeerGone(socket_.descriptor()); }
    void shutdownWrite() noexcept override { shutdownSending(socket_.descriptor()); }
    void close() noexcept override { socket_.close(); }
    [[nodiscard]] std::string peerAddress() const override { return peerAddressOf(socket_.descriptor()); }

private:
    PollSet::Socket socket_;
};
}  // namespace strandcast
