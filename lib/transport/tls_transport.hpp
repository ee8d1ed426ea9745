#pragma once

#include "transport/tls_wire.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>

struct ssl_st;

namespace strandcast
{

/// Frees what OpenSSL has made.
struct FreeTls
{
    void operator()(ssl_st* tls) const noexcept;
};
using TlsHandle = std::unique_ptr<ssl_st, FreeTls>;

/// TLS over any other stream. The handshake is part of the first attempts to read and to write, either of
/// which waits for what it needs. A failed handshake is told to the peer: a server's end of it then reads as
/// one that waits, until the peer has had the chance to hear why.
class TlsTransport final : public Transport
{
public:
    enum class Role : std::uint8_t
    {
        client,
        server,
    };

    /// `tls` is set up but for the stream that it runs over. `plainAnswer` is what a server says to a peer
    /// that speaks HTTP without TLS. `keptAlive` is whatever `tls` refers to.
    TlsTransport(ShardExecutor executor, Role role, TlsHandle tls, std::unique_ptr<Transport> below,
                 std::shared_ptr<const void> keptAlive, std::string plainAnswer = {});
    TlsTransport(const TlsTransport&) = delete;
    TlsTransport& operator=(const TlsTransport&) = delete;
    ~TlsTransport() override;

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override;
    /// One record at a time: small buffers share it.
    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override;
    [[nodiscard]] Strand<> waitReadable() override;
    [[nodiscard]] bool notifyReadable(Waiter& waiter) override { return wire_->notifyReadable(waiter); }
    [[nodiscard]] Strand<> waitWritable() override;
    [[nodiscard]] bool isPeerGone() override;
    void shutdownWrite() noexcept override;
    void close() noexcept override;
    [[nodiscard]] std::string peerAddress() const override;

private:
    [[nodiscard]] std::optional<Transfer> shakeHands();
    [[nodiscard]] Transfer writeRecord(std::span<const std::byte> plain);
    [[nodiscard]] Transfer stopped(int result);
    [[nodiscard]] std::error_code causeOf(int kind) const;
    [[nodiscard]] Transfer failed(std::error_code error);
    [[nodiscard]] Transfer hearOut(std::span<std::byte> buffer);
    void sayGoodbye() noexcept;

    const std::shared_ptr<const void> keptAlive_;
    const std::shared_ptr<TlsWire> wire_;
    TlsHandle tls_;  // refers to both
    std::string plainAnswer_;
    std::error_code failure_;
    std::size_t discarded_ = 0;
    const Role role_;
    bool isOpen_ = false;      // the handshake is done
    bool hearsOut_ = false;    // it has failed, and the peer may still be talking
    bool isWithheld_ = false;  // the last byte of a record that has not left yet: see writeRecord()
    bool isEnding_ = false;
};

}  // namespace strandcast
