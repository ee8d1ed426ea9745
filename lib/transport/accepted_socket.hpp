#pragma once

#include <asio/generic/stream_protocol.hpp>

#include <optional>
#include <utility>

namespace strandcast
{

/// A connection that a listener took, and of no shard yet: nothing waits for it, and it may go to any thread.
/// It does not block.
class AcceptedSocket
{
public:
    AcceptedSocket() = default;
    explicit AcceptedSocket(int descriptor) noexcept : descriptor_(descriptor) {}
    AcceptedSocket(AcceptedSocket&& other) noexcept : descriptor_(other.release()) {}
    AcceptedSocket& operator=(AcceptedSocket&&) = delete;
    ~AcceptedSocket();

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Somebody else closes it from now on.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    /// Who is at its other end; nothing where nobody is any more.
    [[nodiscard]] std::optional<asio::generic::stream_protocol::endpoint> peer() const;

private:
    int descriptor_ = -1;  // none
};

}  // namespace strandcast
