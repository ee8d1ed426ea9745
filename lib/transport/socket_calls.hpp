#pragma once

#include <strandcast/transport.hpp>

#include <cstddef>
#include <span>
#include <string>

// What the system says to a connected stream socket, TCP or Unix, whoever waits for it.

namespace strandcast
{

/// Transport::tryRead() and tryWrite(), by one system call.
[[nodiscard]] Transfer receiveNow(int descriptor, std::span<std::byte> buffer);
[[nodiscard]] Transfer sendNow(int descriptor, std::span<const std::span<const std::byte>> buffers);

/// Transport::isPeerGone().
[[nodiscard]] bool hasPeerGone(int descriptor);

/// Transport::peerAddress().
[[nodiscard]] std::string peerAddressOf(int descriptor);

/// Transport::shutdownWrite(). The peer may be gone already.
void shutdownSending(int descriptor) noexcept;

/// Without Nagle's delay from here on. A peer that is gone already shows in the first read, and Unix has no
/// delay: nothing can fail here.
void sendWithoutDelay(int descriptor) noexcept;

}  // namespace strandcast
