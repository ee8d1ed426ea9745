#include "router/event_frame.hpp"

#include "message/event_text.hpp"

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

/// The frames of an entry, one for each version and compression. Each is kept once, by whichever thread is
/// first.
class Frames final : public FrameSlot::Content
{
public:
    /// None where none is kept.
    [[nodiscard]] SharedFrame get(ProtocolVersion version, Compression compression) const noexcept
    {
        const auto place = placeOf(version, compression);
        return states_[place].load(std::memory_order_acquire) == State::kept ? frames_[place] : SharedFrame();
    }

    void keep(ProtocolVersion version, Compression compression, const SharedFrame& frame) const noexcept
    {
        const auto place = placeOf(version, compression);
        auto state = State::none;
        if (!states_[place].compare_exchange_strong(state, State::begun, std::memory_order_relaxed)) return;
        frames_[place] = frame;
        states_[place].store(State::kept, std::memory_order_release);
    }

private:
    enum class State : std::uint8_t
    {
        none,
        begun,
        kept,
    };
    static constexpr std::size_t places = 6;

    [[nodiscard]] static std::size_t placeOf(ProtocolVersion version, Compression compression) noexcept
    {
        return static_cast<std::size_t>(version) * 3 + static_cast<std::size_t>(compression);
    }

    mutable std::array<std::atomic<State>, places> states_ = {};
    mutable std::array<SharedFrame, places> frames_;
};

const Frames& framesOf(const LogEntry& entry)
{
    const auto* const kept = entry.frames.get();
    return static_cast<const Frames&>(kept ? *kept : entry.frames.set(std::make_unique<const Frames>()));
}

SharedFrame build(const LogEntry& entry, ProtocolVersion version, std::string_view replay, Deflater* deflater)
{
    const EventText text(entry.id, entry.timestamp, entry.topic, entry.data, entry.sequenceNumber, version,
                         replay);
    if (!deflater) return SharedFrame::written(text.size(), entry.topic, [&](char* out) { text.write(out); });
    std::string payload(text.size(), '\0');
    text.write(payload.data());
    return SharedFrame::compressed(*deflater, payload, entry.topic);
}

}  // namespace

SharedFrame eventFrame(const LogEntry& entry, ProtocolVersion version, Deflater* deflater)
{
    const auto& frames = framesOf(entry);
    const auto compression = compressionOf(deflater);
    if (auto built = frames.get(version, compression)) return built;
    // Where another thread builds it as well, there are two of it for once.
    auto frame = build(entry, version, {}, deflater);
    frames.keep(version, compression, frame);
    return frame;
}

SharedFrame replayFrame(const LogEntry& entry, std::string_view replay, Deflater* deflater)
{
    return build(entry, ProtocolVersion::v1_1, replay, deflater);
}

}  // namespace strandcast
