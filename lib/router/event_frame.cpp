#include "router/event_frame.hpp"

#include "message/envelope.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace strandcast
{

namespace
{

/// The frames of an entry, one for each version. Each is set once, by whichever thread is first.
class Frames final : public FrameSlot::Content
{
public:
    Frames() = default;
    Frames(const Frames&) = delete;
    Frames& operator=(const Frames&) = delete;
    ~Frames() override
    {
        for (auto& place : frames_) delete place.load(std::memory_order_relaxed);
    }

    [[nodiscard]] const SharedFrame* get(ProtocolVersion version) const noexcept
    {
        return placeOf(version).load(std::memory_order_acquire);
    }

    const SharedFrame& set(ProtocolVersion version, std::unique_ptr<const SharedFrame> frame) const noexcept
    {
        const SharedFrame* kept = nullptr;
        if (placeOf(version).compare_exchange_strong(kept, frame.get(), std::memory_order_acq_rel))
            return *frame.release();
        return *kept;
    }

private:
    using Place = std::atomic<const SharedFrame*>;

    [[nodiscard]] Place& placeOf(ProtocolVersion version) const noexcept
    {
        return frames_[static_cast<std::size_t>(version)];
    }

    mutable std::array<Place, 2> frames_ = {};
};

const Frames& framesOf(const LogEntry& entry)
{
    const auto* const kept = entry.frames.get();
    return static_cast<const Frames&>(kept ? *kept : entry.frames.set(std::make_unique<const Frames>()));
}

SharedFrame build(const LogEntry& entry, ProtocolVersion version, std::string_view replay)
{
    std::string text;
    text.reserve(128 + entry.topic.size() + replay.size() + (entry.data ? entry.data->text().size() : 0));
    std::optional<std::string_view> data;
    if (entry.data) data = entry.data->text();
    appendEvent(text, entry.id, entry.timestamp, entry.topic, data, entry.sequenceNumber, version, replay);
    return SharedFrame::text(text, entry.topic);
}

}  // namespace

const SharedFrame& eventFrame(const LogEntry& entry, ProtocolVersion version)
{
    const auto& frames = framesOf(entry);
    if (const auto* const built = frames.get(version)) return *built;
    return frames.set(version, std::make_unique<const SharedFrame>(build(entry, version, {})));
}

SharedFrame replayFrame(const LogEntry& entry, std::string_view replay)
{
    return build(entry, ProtocolVersion::v1_1, replay);
}

}  // namespace strandcast
