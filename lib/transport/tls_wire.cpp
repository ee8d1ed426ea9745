#include "transport/tls_wire.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <exception>
#include <utility>

namespace strandcast
{

namespace
{

// A record and what the handshake says are far below; above it the peer does not read.
constexpr std::size_t maxLeft = 64 * 1024;

}  // namespace

TlsWire::TlsWire(ShardExecutor executor, std::unique_ptr<Transport> below)
    : executor_(executor),
      below_(std::move(below)),
      signal_(executor)
{
}

Transfer TlsWire::read(std::span<std::byte> buffer)
{
    if (left_.size() > maxLeft) return Transfer::wouldBlock();
    auto transfer = below_->tryRead(buffer);
    if (transfer.outcome == Transfer::Outcome::failed && !error_) error_ = transfer.error;
    return transfer;
}

bool TlsWire::write(std::span<const std::byte> bytes)
{
    if (left_.empty()) bytes = bytes.subspan(writeNow(bytes));
    if (error_) return false;
    if (bytes.empty() || !keeping_) return true;
    left_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!std::exchange(flushing_, true)) asio::co_spawn(executor_, flush(shared_from_this()), asio::detached);
    return true;
}

std::size_t TlsWire::writeNow(std::span<const std::byte> bytes)
{
    std::size_t size = 0;
    while (size < bytes.size())
    {
        const std::span<const std::byte> rest = bytes.subspan(size);
        const auto transfer = below_->tryWrite(std::span(&rest, 1));
        if (transfer.outcome == Transfer::Outcome::wouldBlock) break;
        if (transfer.outcome != Transfer::Outcome::moved)
        {
            error_ = transfer.error;
            break;
        }
        size += transfer.size;
    }
    return size;
}

void TlsWire::flushNow()
{
    left_.erase(0, writeNow(std::as_bytes(std::span(left_))));
    if (error_) left_.clear();  // it reaches nobody
}

void TlsWire::changed() noexcept
{
    ++changes_;
    signal_.notify();
}

Strand<> TlsWire::flush(std::shared_ptr<TlsWire> wire)
{
    try
    {
        while (!wire->closed_ && !wire->left_.empty())
        {
            co_await wire->below_->waitWritable();
            wire->flushNow();
        }
    }
    catch (const std::exception&)
    {
        if (!wire->error_) wire->error_ = asio::error::broken_pipe;
    }
    wire->flushing_ = false;
    std::string().swap(wire->left_);  // an idle stream holds no buffer
    if (wire->ending_) wire->below_->shutdownWrite();
    wire->changed();
}

void TlsWire::shareReading(bool isShared)
{
    shared_ = isShared;
    changed();  // who waits for the peer's bytes may find that the other strand has read them
}

void TlsWire::startWatching()
{
    if (!std::exchange(watching_, true)) asio::co_spawn(executor_, watch(shared_from_this()), asio::detached);
}

Strand<> TlsWire::watch(std::shared_ptr<TlsWire> wire)
{
    try
    {
        co_await wire->below_->waitReadable();
    }
    catch (const std::exception&)
    {
        // Whoever waits tries to read, and finds out.
    }
    wire->watching_ = false;
    wire->changed();
}

bool TlsWire::notifyReadable(Waiter& waiter)
{
    if (left_.size() > maxLeft || closed_ || shared_ || watching_) return false;
    return below_->notifyReadable(waiter);
}

Strand<> TlsWire::waitReadable()
{
    if (left_.size() > maxLeft) return waitFlushed();
    if (closed_ || (!shared_ && !watching_)) return below_->waitReadable();
    const auto seen = changes_;
    startWatching();
    return untilChanged(shared_from_this(), seen);
}

Strand<> TlsWire::waitFlushed()
{
    return untilFlushed(shared_from_this());
}

Strand<> TlsWire::untilChanged(std::shared_ptr<TlsWire> wire, std::uint64_t seen)
{
    while (!wire->closed_ && wire->changes_ == seen) co_await wire->signal_.wait();
    if (wire->closed_) throw asio::system_error(asio::error::operation_aborted);
}

Strand<> TlsWire::untilFlushed(std::shared_ptr<TlsWire> wire)
{
    while (!wire->closed_ && !wire->isFlushed()) co_await wire->signal_.wait();
    if (wire->closed_) throw asio::system_error(asio::error::operation_aborted);
}

void TlsWire::shutdownWrite() noexcept
{
    ending_ = true;
    if (left_.empty()) below_->shutdownWrite();
}

void TlsWire::close() noexcept
{
    if (std::exchange(closed_, true)) return;
    below_->close();
    changed();
}

}  // namespace strandcast
