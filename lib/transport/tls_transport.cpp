#include "transport/tls_transport.hpp"

#include "transport/tls_bio.hpp"
#include "transport/tls_error.hpp"

#include <asio/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace strandcast
{

namespace
{

// Of a record (RFC 8446, section 5.1).
constexpr std::size_t maxRecordSize = SSL3_RT_MAX_PLAIN_LENGTH;

// Read from a peer whose handshake failed before its connection ends.
constexpr std::size_t maxDiscardedBytes = 256 * 1024;

using Record = std::array<std::byte, maxRecordSize>;

/// What of `buffers` goes into the next record: in place where that is one buffer, else gathered in `record`.
/// A record does not end behind the first byte of a later buffer: of what is in it all but the last byte may
/// be told as written, and that must not end between two buffers (see writeRecord()).
std::span<const std::byte> gather(std::span<const std::span<const std::byte>> buffers, Record& record)
{
    while (!buffers.empty() && buffers.front().empty()) buffers = buffers.subspan(1);
    if (buffers.empty()) return {};
    if (buffers.size() == 1 || buffers.front().size() >= maxRecordSize)
        return buffers.front().first(std::min(buffers.front().size(), maxRecordSize));
    std::size_t size = 0;
    for (const auto buffer : buffers)
    {
        const auto part = std::min(buffer.size(), record.size() - size);
        if (part == 1 && size > 0) break;
        if (part > 0) std::memcpy(record.data() + size, buffer.data(), part);
        size += part;
        if (size == record.size()) break;
    }
    return std::span(record).first(size);
}

// Strands that wait for nothing.
Strand<> ready()
{
    co_return;
}

}  // namespace

void FreeTls::operator()(ssl_st* tls) const noexcept
{
    SSL_free(tls);
}

TlsTransport::TlsTransport(ShardExecutor executor, Role role, TlsHandle tls, std::unique_ptr<Transport> below,
                           std::shared_ptr<const void> keptAlive, std::string plainAnswer)
    : keptAlive_(std::move(keptAlive)),
      wire_(std::make_shared<TlsWire>(executor, std::move(below))),
      tls_(std::move(tls)),
      plainAnswer_(std::move(plainAnswer)),
      role_(role)
{
    BIO* const bio = makeTlsBio(*wire_);
    SSL_set_bio(tls_.get(), bio, bio);
    if (role_ == Role::client)
        SSL_set_connect_state(tls_.get());
    else
        SSL_set_accept_state(tls_.get());
}

TlsTransport::~TlsTransport()
{
    close();
}

std::optional<Transfer> TlsTransport::shakeHands()
{
    if (wire_->isClosed()) return Transfer::failed(asio::error::bad_descriptor);
    if (failure_) return Transfer::failed(failure_);
    if (isOpen_) return std::nullopt;
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_.get());
    if (result != 1) return stopped(result);
    isOpen_ = true;
    std::string().swap(plainAnswer_);
    wire_->shareReading(false);
    return std::nullopt;
}

Transfer TlsTransport::tryRead(std::span<std::byte> buffer)
{
    if (!hearsOut_)
    {
        const auto stop = shakeHands();
        if (stop && !hearsOut_) return *stop;
    }
    if (hearsOut_) return hearOut(buffer);
    std::size_t size = 0;
    Transfer stop = Transfer::wouldBlock();
    do {
        ERR_clear_error();
        std::size_t moved = 0;
        const int result = SSL_read_ex(tls_.get(), buffer.data() + size, buffer.size() - size, &moved);
        size += moved;
        if (result != 1)
        {
            stop = stopped(result);
            break;
        }
    } while (size < buffer.size() && SSL_has_pending(tls_.get()) == 1);
    return size > 0 ? Transfer::moved(size) : stop;
}

Transfer TlsTransport::tryWrite(std::span<const std::span<const std::byte>> buffers)
{
    if (isEnding_) return Transfer::failed(asio::error::broken_pipe);
    if (const auto stop = shakeHands()) return *stop;
    if (!wire_->isFlushed()) return Transfer::wouldBlock();
    if (std::exchange(isWithheld_, false)) return Transfer::moved(1);
    Record record;
    return writeRecord(gather(buffers, record));
}

// What is encrypted cannot be taken back, and who writes is to hear that it has left when it has: so where
// the stream below did not take all of a record, all of it but a byte is told as written, and that byte when
// it has left.
Transfer TlsTransport::writeRecord(std::span<const std::byte> plain)
{
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(tls_.get(), plain.data(), plain.size(), &written);
    // OpenSSL takes a write that fails behind the peer's close_notify for that end.
    if (result != 1) return failed(causeOf(SSL_get_error(tls_.get(), result)));
    if (wire_->isFlushed()) return Transfer::moved(written);
    isWithheld_ = true;
    return written > 1 ? Transfer::moved(written - 1) : Transfer::wouldBlock();
}

Transfer TlsTransport::stopped(int result)
{
    const int kind = SSL_get_error(tls_.get(), result);
    switch (kind)
    {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return Transfer::wouldBlock();
    case SSL_ERROR_ZERO_RETURN: return isOpen_ ? Transfer::end() : failed(asio::error::connection_reset);
    default: return failed(causeOf(kind));
    }
}

std::error_code TlsTransport::causeOf(int kind) const
{
    const auto verdict = SSL_get_verify_result(tls_.get());
    const auto packed = ERR_peek_error();
    if (ERR_GET_LIB(packed) == ERR_LIB_SSL && ERR_GET_REASON(packed) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
        verdict != X509_V_OK)
    {
        ERR_clear_error();
        return certificateError(verdict);
    }
    const auto error = takeTlsError();
    if (kind == SSL_ERROR_SSL && error) return error;
    return wire_->error() ? wire_->error() : std::error_code(asio::error::connection_reset);
}

Transfer TlsTransport::failed(std::error_code error)
{
    failure_ = error;
    if (role_ == Role::client || isOpen_) return Transfer::failed(error);
    if (isPlainHttp(error) && !plainAnswer_.empty())
        static_cast<void>(wire_->write(std::as_bytes(std::span(plainAnswer_))));
    wire_->shutdownWrite();
    hearsOut_ = true;
    return Transfer::wouldBlock();
}

// A connection that ends before all is read is reset, and the peer never reads why.
Transfer TlsTransport::hearOut(std::span<std::byte> buffer)
{
    while (!wire_->isClosed() && discarded_ < maxDiscardedBytes)
    {
        const auto transfer = wire_->read(buffer);
        if (transfer.outcome == Transfer::Outcome::wouldBlock) return transfer;
        if (transfer.outcome != Transfer::Outcome::moved) break;
        discarded_ += transfer.size;
    }
    hearsOut_ = false;
    return Transfer::failed(failure_);
}

Strand<> TlsTransport::waitReadable()
{
    return wire_->waitReadable();
}

Strand<> TlsTransport::waitWritable()
{
    if (!wire_->isFlushed() || wire_->isClosed()) return wire_->waitFlushed();
    return isOpen_ || failure_ ? ready() : wire_->waitReadable();
}

bool TlsTransport::isPeerGone()
{
    return wire_->below().isPeerGone();
}

void TlsTransport::sayGoodbye() noexcept
{
    if (!isOpen_ || failure_ || std::exchange(isEnding_, true)) return;
    ERR_clear_error();
    static_cast<void>(SSL_shutdown(tls_.get()));  // its close_notify; the peer's is read like all else
    ERR_clear_error();
}

void TlsTransport::shutdownWrite() noexcept
{
    if (wire_->isClosed()) return;
    sayGoodbye();
    isEnding_ = true;
    wire_->shutdownWrite();
}

void TlsTransport::close() noexcept
{
    if (wire_->isClosed()) return;
    wire_->stopKeeping();
    sayGoodbye();
    wire_->close();
}

std::string TlsTransport::peerAddress() const
{
    return wire_->below().peerAddress();
}

}  // namespace strandcast
