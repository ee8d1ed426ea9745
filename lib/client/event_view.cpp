#include "client/event_view.hpp"

#include <string>

namespace strandcast
{

namespace
{

std::optional<std::string_view> textOf(const std::optional<Json>& json)
{
    return json ? std::optional<std::string_view>(json->text()) : std::nullopt;
}

}  // namespace

EventView viewOf(const EventMessage& event)
{
    return {.id = event.id,
            .timestamp = event.timestamp,
            .topic = event.topic,
            .data = textOf(event.data),
            .sequenceNumber = event.sequenceNumber,
            .live = event.live,
            .replay = event.replay,
            .more = event.more,
            .wireText = textOf(event.wireText)};
}

EventView viewOf(const UsualMessage& event)
{
    return {.id = event.id,
            .timestamp = event.timestamp,
            .topic = event.topic,
            .data = event.data,
            .sequenceNumber = event.sequenceNumber,
            .replay = event.replay};
}

void fill(EventMessage& event, const EventView& view)
{
    event.id = std::string(view.id);
    event.timestamp = view.timestamp;
    event.topic = std::string(view.topic);
    if (view.data) event.data.emplace(Json::fromValidText(std::string(*view.data)));
    event.sequenceNumber = view.sequenceNumber;
    event.live = view.live;
    if (view.replay) event.replay.emplace(*view.replay);
    event.more = view.more;
    if (view.wireText) event.wireText.emplace(Json::fromValidText(std::string(*view.wireText)));
}

}  // namespace strandcast
