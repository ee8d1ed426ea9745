#pragma once

#include <cstdint>

namespace strandcast
{

/// What happens to a client's events where its queue is full, of events or of bytes. An event that has begun
/// to leave for the socket is out of reach.
enum class Backpressure : std::uint8_t
{
    dropOldest,  ///< the oldest that wait go, until the new one fits
    dropNewest,  ///< the new one goes
    conflate,    ///< of each topic the newest stays, at the end of the queue; where that is not enough, the
                 ///< oldest go
    disconnect,  ///< the client is closed with 1008 "Slow consumer"
};

/// Why an event did not reach a client that was to have it.
enum class DropReason : std::uint8_t
{
    queueFull,     ///< its queue was full
    superseded,    ///< its queue was full, and a newer one of the topic took its place
    budget,        ///< all queues together were full, and its queue was one of the fullest
    disconnected,  ///< the client's connection ended, or was being closed
};

}  // namespace strandcast
