#include "message/event_text.hpp"

namespace strandcast
{

EventText::EventText(std::string_view id, Timestamp timestamp, std::string_view topic,
                     std::optional<std::string_view> data, std::optional<std::uint64_t> sequenceNumber,
                     ProtocolVersion version, std::string_view replay)
    : id_(id),
      timestamp_(timestampText(timestamp)),
      topic_(topic),
      data_(data),
      sequenceNumber_(sequenceNumber ? NumberText(*sequenceNumber) : NumberText()),
      version_(toString(version)),
      replay_(replay)
{
    Measure measure;
    putInto(measure);
    size_ = measure.size();
}

void EventText::write(char* out) const noexcept
{
    Pen pen(out);
    putInto(pen);
}

template <typename Out>
void EventText::putInto(Out& out) const noexcept
{
    out.put("{\"id\":\"").put(id_.view()).put("\",\"type\":\"event\",\"version\":\"").put(version_);
    out.put("\",\"timestamp\":").put(timestamp_.view()).put(",\"topic\":\"").put(topic_.view()).put("\"");
    if (data_) out.put(",\"data\":").put(*data_);
    if (!sequenceNumber_.view().empty()) out.put(",\"sequenceNumber\":").put(sequenceNumber_.view());
    if (!replay_.view().empty()) out.put(",\"replay\":\"").put(replay_.view()).put("\"");
    out.put("}");
}

}  // namespace strandcast
