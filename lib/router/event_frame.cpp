#include "router/event_frame.hpp"

#include "message/envelope.hpp"

#include <memory>
#include <string>

namespace strandcast
{

namespace
{

struct Frames final : FrameSlot::Content
{
    explicit Frames(SharedFrame built) : frame(std::move(built)) {}

    SharedFrame frame;
};

}  // namespace

const SharedFrame& eventFrame(const LogEntry& entry)
{
    if (const auto* const kept = entry.frames.get()) return static_cast<const Frames*>(kept)->frame;
    std::string text;
    text.reserve(128 + entry.topic.size() + (entry.data ? entry.data->text().size() : 0));
    std::optional<std::string_view> data;
    if (entry.data) data = entry.data->text();
    appendEvent(text, entry.id, entry.timestamp, entry.topic, data, entry.sequenceNumber);
    const auto& kept = entry.frames.set(std::make_unique<const Frames>(SharedFrame::text(text, entry.topic)));
    return static_cast<const Frames&>(kept).frame;
}

}  // namespace strandcast
