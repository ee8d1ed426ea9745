#pragma once

#include "connection/shared_frame.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

namespace strandcast
{

class QueueBudget;

/// A frame that waits in queues of one shard: all of them hold the same, so that it is counted once. Used on
/// its shard's thread alone, which is why its references cost next to nothing.
class QueuedFrame
{
public:
    QueuedFrame() = default;
    QueuedFrame(const QueuedFrame& other) noexcept : block_(other.block_)
    {
        if (block_) ++block_->references;
    }
    QueuedFrame(QueuedFrame&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    QueuedFrame& operator=(QueuedFrame other) noexcept
    {
        std::swap(block_, other.block_);
        return *this;
    }
    void swap(QueuedFrame& other) noexcept { std::swap(block_, other.block_); }
    ~QueuedFrame()
    {
        if (block_ && --block_->references == 0) release();
    }

    void reset() noexcept
    {
        if (block_ && --block_->references == 0) release();
        block_ = nullptr;
    }

    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return block_->bytes; }
    [[nodiscard]] std::string_view topic() const noexcept { return block_->frame.topic(); }
    [[nodiscard]] bool hasTopic() const noexcept { return block_->hasTopic; }
    [[nodiscard]] bool isAbout(std::string_view topic, std::size_t hash) const noexcept
    {
        return block_->hashOfTopic() == hash && block_->frame.topic() == topic;
    }

    [[nodiscard]] bool isSameAs(const QueuedFrame& other) const noexcept { return block_ == other.block_; }

    [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }

private:
    friend class QueueBudget;

    struct Block
    {
        SharedFrame frame;
        std::span<const std::byte> bytes;  // of the frame, one step nearer
        QueueBudget& budget;
        Block* next;  // of those that are free
        std::size_t topicHash;
        std::uint32_t references;
        bool hasTopic;
        bool isHashed;

        // Computed when it is first asked for: few queues ever conflate.
        [[nodiscard]] std::size_t hashOfTopic() noexcept
        {
            if (!std::exchange(isHashed, true)) topicHash = std::hash<std::string_view>()(frame.topic());
            return topicHash;
        }
    };

    explicit QueuedFrame(Block* block) noexcept : block_(block) {}
    void release() noexcept;

    Block* block_ = nullptr;
};

}  // namespace strandcast
