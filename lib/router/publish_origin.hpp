#pragma once

#include <cstddef>
#include <cstdint>

namespace strandcast
{

/// Whose publish it is, and so where its answer goes. The client may be gone when that comes.
struct PublishOrigin
{
    std::size_t part;         ///< the shard of its connection, among the router's
    std::uint64_t client;     ///< its number
    std::uint64_t publisher;  ///< what the log knows it by
    std::uint64_t token;  ///< of the publish on its way to the home shard and back; 0 on that shard itself
};

}  // namespace strandcast
