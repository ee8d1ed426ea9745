#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace strandcast
{

/// How an in-memory stream differs from one that takes and gives everything at once.
struct MemoryTransportOptions
{
    std::size_t capacity = 256 * 1024;                            ///< bytes on their way; more would block
    std::size_t maxBytesPerRead = static_cast<std::size_t>(-1);   ///< splits what is read
    std::size_t maxBytesPerWrite = static_cast<std::size_t>(-1);  ///< splits what is written
    /// The attempt (to read or write, counted from 1 on each end) that fails with a reset; 0 is never.
    std::size_t failingAttempt = 0;
};

/// Two ends of a stream within the process, on one shard. Each has the options given for it.
[[nodiscard]] std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>
makeMemoryTransports(ShardExecutor executor, MemoryTransportOptions first = {},
                     MemoryTransportOptions second = {});

}  // namespace strandcast
