#pragma once

#include <cstddef>
#include <cstdint>

namespace bench
{

/// Publishes to a server, `window` at a time without an ack.
struct Publishing
{
    std::uint16_t port = 0;
    std::size_t window = 64;
    std::size_t dataSize = 128;  ///< bytes
    std::uint64_t publishes = 0;
};

/// What this process used, in nanoseconds; that all were acked is checked.
using Nanoseconds = std::int64_t;

/// The floor: epoll, prepared text, and a look at each frame that it is an ack.
[[nodiscard]] Nanoseconds publishRaw(const Publishing& work);

/// A WSClient, with `window` coroutines that publish one event after the other. Each receipt's number must
/// come once.
[[nodiscard]] Nanoseconds publishEvents(const Publishing& work);

}  // namespace bench
