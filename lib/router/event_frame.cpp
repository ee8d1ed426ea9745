#include "router/event_frame.hpp"

#include "message/envelope.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace strandcast
{

namespace
{

/// How the frames of a version differ: servers agree to the largest window or about the smallest (see
/// acceptDeflate()).
enum class Compression : std::uint8_t
{
    none,
    smallWindow,
    largestWindow,
};

Compression compressionOf(const Deflater* deflater)
{
    if (!deflater) return Compression::none;
    return deflater->context().windowBits < 15 ? Compression::smallWindow : Compression::largestWindow;
}

/// The frames of an entry, one for each version and compression. Each is set once, by whichever thread is
/// first.
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

    [[nodiscard]] const SharedFrame* get(ProtocolVersion version, Compression compression) const noexcept
    {
        return placeOf(version, compression).load(std::memory_order_acquire);
    }

    const SharedFrame& set(ProtocolVersion version, Compression compression,
                           std::unique_ptr<const SharedFrame> frame) const noexcept
    {
        const SharedFrame* kept = nullptr;
        if (placeOf(version, compression)
                .compare_exchange_strong(kept, frame.get(), std::memory_order_acq_rel))
            return *frame.release();
        return *kept;
    }

private:
    using Place = std::atomic<const SharedFrame*>;

    [[nodiscard]] Place& placeOf(ProtocolVersion version, Compression compression) const noexcept
    {
        return frames_[static_cast<std::size_t>(version) * 3 + static_cast<std::size_t>(compression)];
    }

    mutable std::array<Place, 6> frames_ = {};
};

const Frames& framesOf(const LogEntry& entry)
{
    const auto* const kept = entry.frames.get();
    return static_cast<const Frames&>(kept ? *kept : entry.frames.set(std::make_unique<const Frames>()));
}

SharedFrame build(const LogEntry& entry, ProtocolVersion version, std::string_view replay, Deflater* deflater)
{
    std::string text;
    text.reserve(128 + entry.topic.size() + replay.size() + (entry.data ? entry.data->text().size() : 0));
    std::optional<std::string_view> data;
    if (entry.data) data = entry.data->text();
    appendEvent(text, entry.id, entry.timestamp, entry.topic, data, entry.sequenceNumber, version, replay);
    return deflater ? SharedFrame::compressed(*deflater, text, entry.topic)
                    : SharedFrame::text(text, entry.topic);
}

}  // namespace

const SharedFrame& eventFrame(const LogEntry& entry, ProtocolVersion version, Deflater* deflater)
{
    const auto& frames = framesOf(entry);
    const auto compression = compressionOf(deflater);
    if (const auto* const built = frames.get(version, compression)) return *built;
    return frames.set(version, compression,
                      std::make_unique<const SharedFrame>(build(entry, version, {}, deflater)));
}

SharedFrame replayFrame(const LogEntry& entry, std::string_view replay, Deflater* deflater)
{
    return build(entry, ProtocolVersion::v1_1, replay, deflater);
}

}  // namespace strandcast
