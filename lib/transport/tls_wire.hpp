#pragma once

#include "coro/signal.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

namespace strandcast
{

/// The encrypted side of a TLS stream: the stream below, as OpenSSL wants it. Writing never blocks: what the
/// stream below does not take is kept and leaves by itself, so that an answer of TLS's own to what was read
/// needs nobody who writes. Strands that wait own it; it may so outlive its TlsTransport. Used on its shard's
/// thread alone.
class TlsWire : public std::enable_shared_from_this<TlsWire>
{
public:
    TlsWire(ShardExecutor executor, std::unique_ptr<Transport> below);
    TlsWire(const TlsWire&) = delete;
    TlsWire& operator=(const TlsWire&) = delete;

    /// Would block as well while too much waits to leave: a peer that has TLS answer and reads nothing.
    [[nodiscard]] Transfer read(std::span<std::byte> buffer);
    /// @returns false where the stream below is broken: see error().
    [[nodiscard]] bool write(std::span<const std::byte> bytes);

    [[nodiscard]] bool isFlushed() const noexcept { return left_.empty(); }
    [[nodiscard]] bool isClosed() const noexcept { return closed_; }
    [[nodiscard]] const std::error_code& error() const noexcept { return error_; }
    [[nodiscard]] Transport& below() const noexcept { return *below_; }

    /// While both strands may wait for the peer's bytes, as they do in the handshake, where each byte may be
    /// what the other one waits for.
    void shareReading(bool isShared);

    [[nodiscard]] Strand<> waitReadable();
    /// Transport::notifyReadable(), where nothing but the stream below ends the wait.
    [[nodiscard]] bool notifyReadable(Waiter& waiter);
    [[nodiscard]] Strand<> waitFlushed();

    /// Ends this direction once all that was written has left.
    void shutdownWrite() noexcept;
    /// What is written from now on leaves at once, or not at all: the end is near.
    void stopKeeping() noexcept { keeping_ = false; }
    void close() noexcept;

private:
    [[nodiscard]] std::size_t writeNow(std::span<const std::byte> bytes);
    void flushNow();
    void changed() noexcept;
    void startWatching();
    [[nodiscard]] static Strand<> flush(std::shared_ptr<TlsWire> wire);
    [[nodiscard]] static Strand<> watch(std::shared_ptr<TlsWire> wire);
    [[nodiscard]] static Strand<> untilChanged(std::shared_ptr<TlsWire> wire, std::uint64_t seen);
    [[nodiscard]] static Strand<> untilFlushed(std::shared_ptr<TlsWire> wire);

    const ShardExecutor executor_;
    const std::unique_ptr<Transport> below_;
    std::string left_;  // what the stream below has not taken yet
    std::error_code error_;
    Signal signal_;
    std::uint64_t changes_ = 0;  // so often it was notified
    bool flushing_ = false;      // a strand of this object's waits to write
    bool watching_ = false;      // one waits to read
    bool shared_ = true;
    bool ending_ = false;
    bool keeping_ = true;
    bool closed_ = false;
};

}  // namespace strandcast
