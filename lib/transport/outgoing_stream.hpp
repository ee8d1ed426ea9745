#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <asio/basic_stream_socket.hpp>
#include <asio/generic/stream_protocol.hpp>

#include <optional>
#include <string>

namespace strandcast
{

/// A stream socket of any family: TCP, or Unix.
using StreamSocket = asio::basic_stream_socket<asio::generic::stream_protocol, ShardExecutor>;

/// A connection that this side made, as a transport: one of few, and to hear of its bytes as soon as the
/// io_context does, so it waits there and in no set of its own. TCP without Nagle's delay.
class OutgoingStream final : public Transport
{
public:
    explicit OutgoingStream(StreamSocket socket);

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override;
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override;
    [[nodiscard]] Strand<> waitReadable() override;
    [[nodiscard]] bool notifyReadable(Waiter& waiter) override;
    [[nodiscard]] Strand<> waitWritable() override;
    [[nodiscard]] bool isPeerGone() override;
    void shutdownWrite() noexcept override;
    void close() noexcept override;
    [[nodiscard]] std::string peerAddress() const override;

private:
    StreamSocket socket_;
    std::optional<StreamSocket> writing_;  // the same one, while somebody waits to write
    int descriptor_;                       // -1 once closed
    bool isDrained_ = false;               // reading is worth no system call before a wait
};

}  // namespace strandcast
