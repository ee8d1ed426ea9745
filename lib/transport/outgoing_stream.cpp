#include "transport/outgoing_stream.hpp"

#include "transport/already_closed.hpp"
#include "transport/socket_address.hpp"
#include "transport/socket_calls.hpp"

#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/system_error.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace strandcast
{

namespace
{

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

/// A socket of Asio's that takes over `descriptor`.
/// @throws asio::system_error where the system has no room to wait for it; it is closed then.
StreamSocket socketOf(ShardExecutor executor, const StreamEndpoint::protocol_type& protocol, int descriptor)
{
    StreamSocket socket(executor);
    asio::error_code error;
    socket.assign(protocol, descriptor, error);
    if (!error) return socket;
    ::close(descriptor);
    throw asio::system_error(error);
}

/// Asio tells a socket that has once waited to write, as to connect, of every moment in which it may: a new
/// one has not.
StreamSocket renewed(StreamSocket socket)
{
    const auto protocol = socket.local_endpoint().protocol();
    return socketOf(socket.get_executor(), protocol, socket.release());
}

}  // namespace

OutgoingStream::OutgoingStream(StreamSocket socket)
    : socket_(renewed(std::move(socket))),
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

// On a copy of the descriptor: see renewed().
Strand<> OutgoingStream::waitWritable()
{
    if (descriptor_ < 0) co_return co_await alreadyClosed();
    const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
    // Without room for another descriptor it does as well, and is told more than it asks.
    if (copy < 0) co_return co_await socket_.async_wait(StreamSocket::wait_write, useStrand);
    writing_.emplace(socketOf(socket_.get_executor(), socket_.local_endpoint().protocol(), copy));
    asio::error_code error;
    co_await writing_->async_wait(StreamSocket::wait_write, asio::redirect_error(useStrand, error));
    // Closed, and maybe gone, or cancelled.
    if (error) throw asio::system_error(error);
    writing_.reset();
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
    if (writing_) writing_->close(ignored);
    descriptor_ = -1;
}

std::string OutgoingStream::peerAddress() const
{
    return peerAddressOf(descriptor_);
}

}  // namespace strandcast
