#include "connection/peer_connection.hpp"

#include <array>
#include <exception>

// What is queued for a peer, and what is dropped where there is no room for it.

namespace strandcast
{

void PeerConnection::sendRaw(std::string_view bytes)
{
    outbox_.answers() += bytes;
    wantFlush();
}

void PeerConnection::send(std::string_view text)
{
    append(Opcode::text, std::as_bytes(std::span(text)));
}

void PeerConnection::sendBinary(std::span<const std::byte> bytes)
{
    append(Opcode::binary, bytes);
}

void PeerConnection::append(Opcode opcode, std::span<const std::byte> payload)
{
    if (state_ != State::open) return;
    const auto deflated = deflater_ ? deflater_->deflate(payload) : std::span<const std::byte>();
    if (!deflated.empty()) payload = deflated;
    FrameHeader header{.rsv1 = !deflated.empty(), .opcode = opcode, .payloadSize = payload.size()};
    auto& out = outbox_.answers();
    if (options_.role == Role::client) header.mask = makeMask(nextMask());
    std::array<std::byte, maxFrameHeaderSize> encoded;
    const auto headerSize = encodeFrameHeader(header, encoded);
    out.append(reinterpret_cast<const char*>(encoded.data()), headerSize);
    const auto begin = out.size();
    out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (header.mask) applyMask(std::as_writable_bytes(std::span(out)).subspan(begin), *header.mask);
    wantFlush();
}

bool PeerConnection::sendEventWithPolicy(const SharedFrame& frame)
{
    const auto topic = frame.topic();
    const auto size = frame.bytes().size();
    if (state_ != State::open)
    {
        handler_.onEventDropped(topic, DropReason::disconnected);
        return false;
    }
    const bool conflated =
        options_.outbox.policy == Backpressure::conflate && outbox_.isFullFor(size, options_.outbox);
    if (!makeRoomFor(topic, size))
    {
        handler_.onEventDropped(topic, DropReason::queueFull);
        return false;
    }
    const auto queued = shard_.budget().hold(frame);
    outbox_.pushEvent(queued, conflated);
    wantFlush();
    shard_.keepBudget();
    return outbox_.endsWith(queued);
}

bool PeerConnection::makeRoomFor(std::string_view topic, std::size_t size)
{
    if (!outbox_.isFullFor(size, options_.outbox)) return true;
    switch (options_.outbox.policy)
    {
    case Backpressure::dropOldest: return dropOldestFor(size);
    case Backpressure::dropNewest: return false;
    case Backpressure::conflate: conflateFor(topic); return dropOldestFor(size);
    case Backpressure::disconnect: closeAsSlow(); return false;
    }
    return false;
}

bool PeerConnection::dropOldestFor(std::size_t size)
{
    while (outbox_.isFullFor(size, options_.outbox))
    {
        const auto dropped = outbox_.takeOldestDroppable();
        // The only event left has begun to leave, and is out of reach: the new one is the one that does not
        // fit.
        if (!dropped) return false;
        handler_.onEventDropped(dropped.topic(), DropReason::queueFull);
    }
    return true;
}

void PeerConnection::conflateFor(std::string_view topic)
{
    for (const auto& taken : outbox_.takeSuperseded(topic))
        handler_.onEventDropped(taken.topic(), DropReason::superseded);
}

void PeerConnection::shrinkQueue(std::size_t bytes) noexcept
{
    if (outbox_.droppableBytes() <= bytes) return;
    const auto policy = options_.outbox.policy;
    while (outbox_.droppableBytes() > bytes)
    {
        const auto dropped = policy == Backpressure::dropNewest ? outbox_.takeNewestDroppable()
                                                                : outbox_.takeOldestDroppable();
        handler_.onEventDropped(dropped.topic(), DropReason::budget);
    }
    if (policy == Backpressure::disconnect) closeAsSlow();
}

void PeerConnection::closeAsSlow() noexcept
{
    try
    {
        closeWithoutEvents({CloseCode::policyViolation, "Slow consumer"});
    }
    catch (const std::exception&)
    {
        abandon();  // no memory, not even for a goodbye
    }
}

void PeerConnection::sendKeptEvent(const SharedFrame& frame)
{
    if (state_ != State::open) return;
    outbox_.pushEvent(shard_.budget().hold(frame));
    wantFlush();
}

void PeerConnection::ping()
{
    if (state_ != State::open) return;
    protocol_.ping({});
    takeOutput();
}

}  // namespace strandcast
