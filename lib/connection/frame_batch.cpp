#include "connection/frame_batch.hpp"

namespace strandcast
{

namespace
{

// Above this, copying costs more than the pieces.
constexpr std::size_t maxJoinedBytes = 64 * 1024;

}  // namespace

std::span<const std::byte> FrameBatch::joinAnew(std::span<const QueuedFrame> frames)
{
    std::size_t size = 0;
    for (const auto& frame : frames) size += frame.bytes().size();
    if (size > maxJoinedBytes) return {};
    frames_.assign(frames.begin(), frames.end());
    bytes_.clear();
    for (const auto& frame : frames)
    {
        const auto bytes = frame.bytes();
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    return bytes_;
}

void FrameBatch::clear() noexcept
{
    frames_.clear();
    seen_ = 0;
    first_ = {};
    last_ = {};
}

}  // namespace strandcast
