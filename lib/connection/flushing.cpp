#include "connection/peer_connection.hpp"

#include <exception>
#include <utility>

// From the queue to the socket, and what becomes of what never gets there.

namespace strandcast
{

void PeerConnection::flush() noexcept
{
    dirty_ = false;
    if (writing_ || state_ == State::over) return;
    try
    {
        writeNow();
    }
    catch (const std::exception&)
    {
        // Out of memory: this connection's end, and nobody else's.
        writing_ = false;
        abandon();
    }
}

void PeerConnection::writeNow()
{
    switch (writeAll(&shard_.flushQueue().batch()))
    {
    case Flushed::all: wake(); break;  // a reader may wait for its answers to leave
    case Flushed::blocked:
        writing_ = true;
        shard_.tasks().spawn(writeRest());
        break;
    case Flushed::lost: lost(); break;
    }
}

Strand<> PeerConnection::writeRest()
{
    // No destructor of this frame touches the connection: where the io_context goes first, either frame may.
    try
    {
        auto flushed = Flushed::blocked;
        while (flushed == Flushed::blocked && state_ != State::over)
        {
            co_await transport_->waitWritable();
            if (state_ != State::over) flushed = writeAll();
            if (!answersWait()) wake();
        }
        if (flushed == Flushed::lost) lost();
        writing_ = false;
        if (state_ != State::over && !outbox_.empty()) wantFlush();
    }
    catch (const std::exception&)
    {
        abandon();  // the socket was closed, the shard ends, or as in flush()
    }
    writing_ = false;
    wake();
}

PeerConnection::Flushed PeerConnection::writeAll(FrameBatch* batch)
{
    const auto pieces = shard_.pieces();
    for (;;)
    {
        if (outbox_.empty() && state_ == State::closing) queueClose();
        const auto count = batch ? outbox_.gather(pieces, *batch) : outbox_.gather(pieces);
        if (count == 0) break;
        const auto transfer = transport_->tryWrite(pieces.first(count));
        switch (transfer.outcome)
        {
        case Transfer::Outcome::moved:
            outbox_.consume(transfer.size);
            handler_.onSent();
            break;
        case Transfer::Outcome::wouldBlock: outbox_.holdBack(); return Flushed::blocked;
        case Transfer::Outcome::end:
        case Transfer::Outcome::failed: return Flushed::lost;
        }
    }
    if (state_ != State::closeSent) return Flushed::all;
    // RFC 6455, section 7.1.1: the server ends the TCP connection first, once both have said Close; before
    // that it only half-closes, so that the peer reads the reason and not a reset.
    if (options_.role == Role::server && protocol_.closeReceived()) return Flushed::lost;
    if (options_.role == Role::server && !std::exchange(sentEnd_, true)) transport_->shutdownWrite();
    return Flushed::all;
}

void PeerConnection::queueClose()
{
    protocol_.close(ending_->reason);
    outbox_.answers() += protocol_.takeOutput();
    state_ = State::closeSent;
}

void PeerConnection::dropEvents() noexcept
{
    while (const auto dropped = outbox_.takeOldestEvent())
        handler_.onEventDropped(dropped.topic(), DropReason::disconnected);
}

void PeerConnection::dropAllEvents() noexcept
{
    while (const auto dropped = outbox_.takeLostEvent())
        handler_.onEventDropped(dropped.topic(), DropReason::disconnected);
}

}  // namespace strandcast
