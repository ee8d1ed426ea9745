#pragma once

#include "websocket/deflater.hpp"
#include "websocket/frame.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace strandcast
{

/// One text frame as a server sends it, built once and never changed: every queue that it waits in, and the
/// log, hold a reference. References may be taken and dropped on any thread.
class SharedFrame
{
public:
    SharedFrame() = default;
    SharedFrame(const SharedFrame& other) noexcept : block_(other.block_)
    {
        if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
    }
    SharedFrame(SharedFrame&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    SharedFrame& operator=(SharedFrame other) noexcept
    {
        std::swap(block_, other.block_);
        return *this;
    }
    ~SharedFrame() { release(); }

    /// Wraps `payload`, JSON text of an event on `topic`, into an unmasked frame.
    [[nodiscard]] static SharedFrame text(std::string_view payload, std::string_view topic);

    /// The same for a payload of `size` bytes that `write` writes to where it is pointed, once.
    template <typename Write>
    [[nodiscard]] static SharedFrame written(std::size_t size, std::string_view topic, Write write)
    {
        auto [frame, payload] = make({.opcode = Opcode::text, .payloadSize = size}, topic);
        write(payload);
        return std::move(frame);
    }

    /// The same, compressed for all who agreed to what `deflater` writes; as it is where that is not smaller.
    /// `deflater` has no context.
    [[nodiscard]] static SharedFrame compressed(Deflater& deflater, std::string_view payload,
                                                std::string_view topic);

    /// Header and payload, as they go to the socket.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept
    {
        return {reinterpret_cast<const std::byte*>(block_ + 1), block_->frameSize};
    }

    /// The topic of the event, for accounts of what was dropped.
    [[nodiscard]] std::string_view topic() const noexcept
    {
        return {reinterpret_cast<const char*>(block_ + 1) + block_->frameSize, block_->topicSize};
    }

    [[nodiscard]] bool isSameAs(const SharedFrame& other) const noexcept { return block_ == other.block_; }

    [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }

private:
    // The frame's bytes, then the topic's, follow in the same allocation.
    struct Block
    {
        std::atomic<std::uint32_t> references;
        std::uint32_t topicSize;
        std::size_t frameSize;
    };

    /// A frame without its payload, and where that goes.
    [[nodiscard]] static std::pair<SharedFrame, char*> make(const FrameHeader& header,
                                                            std::string_view topic);
    [[nodiscard]] static SharedFrame make(FrameHeader header, std::span<const std::byte> payload,
                                          std::string_view topic);
    explicit SharedFrame(Block* block) noexcept : block_(block) {}
    void release() noexcept;

    Block* block_ = nullptr;
};

}  // namespace strandcast
