#pragma once

#include "connection/queued_frame.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace strandcast
{

/// What a turn of the loop sends to many: subscribers of the same topics have the same frames queued. Joined
/// once, they cost the kernel one piece for each subscriber instead of one for each frame.
class FrameBatch
{
public:
    /// `frames` as one piece, where the queue before held the same; else none. It lasts until clear(), or
    /// until another one is asked for.
    [[nodiscard]] std::span<const std::byte> join(std::span<const QueuedFrame> frames)
    {
        if (frames.size() < fewestFrames) return {};
        if (isJoined(frames)) return bytes_;
        const bool isRepeated =
            frames.size() == seen_ && frames.front().isSameAs(first_) && frames.back().isSameAs(last_);
        if (isRepeated) return joinAnew(frames);
        seen_ = frames.size();
        first_ = frames.front();
        last_ = frames.back();
        return {};
    }

    /// At the end of a turn, so that it holds nothing longer than the queues.
    void clear() noexcept;

private:
    // Fewer gain nothing.
    static constexpr std::size_t fewestFrames = 3;

    [[nodiscard]] bool isJoined(std::span<const QueuedFrame> frames) const noexcept
    {
        if (frames.size() != frames_.size()) return false;
        for (std::size_t index = 0; index < frames.size(); ++index)
            if (!frames[index].isSameAs(frames_[index])) return false;
        return true;
    }

    [[nodiscard]] std::span<const std::byte> joinAnew(std::span<const QueuedFrame> frames);

    std::vector<QueuedFrame> frames_;  // that are joined
    std::vector<std::byte> bytes_;
    // The queue before.
    std::size_t seen_ = 0;
    QueuedFrame first_;
    QueuedFrame last_;
};

}  // namespace strandcast
