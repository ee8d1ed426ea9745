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

std::optional<Json> jsonOf(const std::optional<std::string_view>& text)
{
    std::optional<Json> json;
    if (text) json.emplace(Json::fromValidText(std::string(*text)));
    return json;
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

EventMessage messageOf(const EventView& view)
{
    return {.id = std::string(view.id),
            .timestamp = view.timestamp,
            .topic = std::string(view.topic),
            .data = jsonOf(view.data),
            .sequenceNumber = view.sequenceNumber,
            .live = view.live,
            .replay = view.replay ? std::optional<std::string>(*view.replay) : std::nullopt,
            .more = view.more,
            .wireText = jsonOf(view.wireText)};
}

}  // namespace strandcast
