#include "transport/outgoing_stream.hpp"

#include "transport/socket_calls.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <utility>

namespace strandcast
{

namespace
{

// What a wait on a closed socket ends with; Asio's own would be bad_descriptor.
Strand<> alreadyClosed()
{
    throw asio::system_error(asio::error::operation_aborted);
    co_return;
}

/// One wait for who is notified; whatever becomes of it, the waiter is told.
class Notice
{
public:
    explicit Notice(Waiter& waiter) noexcept : waiter_(&waiter) {}
    Notice(Notice&& other) noexcept : waiter_(std::exchange(other.waiter_, nullptr)) {}
    Notice& operator=(Notice&&) = delete;
    ~Notice()
    {
        if (waiter_) waiter_->drop();
    }

    void operator()(const asio::error_code&) { std::exchange(waiter_, nullptr)->resume(); }

private:
    Waiter* waiter_;
};

}  // namespace

OutgoingStream::OutgoingStream(StreamSocket socket)
    : socket_(std::move(socket)),
      descriptor_(socket_.native_handle())
{
    sendWithoutDelay(descriptor_);
}

Transfer OutgoingStream::tryRead(std::span<std::byte> buffer)
{
    if (isDrained_) return Transfer::wouldBlock();
    const auto transfer = receiveNow(descriptor_, buffer);
    isDrained_ = transfer.outcome == Transfer::Outcome::wouldBlock ||
                 (transfer.outcome == Transfer::Outcome::moved && transfer.size < buffer.size());
    return transfer;
}

Transfer OutgoingStream::tryWrite(std::span<const std::span<const std::byte>> buffers)
{
    return sendNow(descriptor_, buffers);
}

// No coroutines of its own around Asio's: each event that comes alone would pay for one.
Strand<> OutgoingStream::waitReadable()
{
    isDrained_ = false;
    return descriptor_ < 0 ? alreadyClosed() : socket_.async_wait(StreamSocket::wait_read, useStrand);
}

bool OutgoingStream::notifyReadable(Waiter& waiter)
{
    if (descriptor_ < 0) return false;
    isDrained_ = false;
    socket_.async_wait(StreamSocket::wait_read, Notice(waiter));
    return true;
}

Strand<> OutgoingStream::waitWritable()
{
    return descriptor_ < 0 ? alreadyClosed() : socket_.async_wait(StreamSocket::wait_write, useStrand);
}

bool OutgoingStream::isPeerGone()
{
    return hasPeerGone(descriptor_);
}

void OutgoingStream::shutdownWrite() noexcept
{
    shutdownSending(descriptor_);
}

void OutgoingStream::close() noexcept
{
    asio::error_code ignored;
    socket_.close(ignored);
    descriptor_ = -1;
}

std::string OutgoingStream::peerAddress() const
{
    return peerAddressOf(descriptor_);
}

}  // namespace strandcast
