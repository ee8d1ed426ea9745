#pragma once

#include <cstddef>

namespace strandcast
{

/// Compression of messages: permessage-deflate (RFC 7692). A server never refers to earlier messages in what
/// it compresses, so that one compressed frame of an event serves all who subscribed to it.
struct DeflateOptions
{
    std::size_t minSize = 256;  ///< bytes; smaller messages go as they are
    int level = 6;              ///< 1 is the fastest, 9 the smallest
    /// The peer, and a client itself, may refer to earlier messages: smaller, for up to 300 KiB of memory for
    /// each connection, where it is none otherwise.
    bool contextTakeover = false;
    int maxWindowBits = 15;  ///< 8 to 15: how far back, as a power of two, the peer is asked to refer at most
};

}  // namespace strandcast
