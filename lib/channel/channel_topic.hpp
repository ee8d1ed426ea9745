#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

/// The topic of one entity of a channel, `<channel>.<id>.<kind>`, or the channel's own, `<channel>.<kind>`.
struct ChannelTopic
{
    std::string_view channel;
    std::string_view id;  ///< empty on the channel's own topic
    std::string_view kind;

    /// None where it is another topic. The parts are pieces of `topic`.
    [[nodiscard]] static std::optional<ChannelTopic> parse(std::string_view topic) noexcept
    {
        if (topic.find('/') != std::string_view::npos) return std::nullopt;
        const auto first = topic.find('.');
        const auto last = topic.rfind('.');
        if (first == std::string_view::npos) return std::nullopt;
        if (first == last) return ChannelTopic{topic.substr(0, first), {}, topic.substr(last + 1)};
        const ChannelTopic parts{topic.substr(0, first), topic.substr(first + 1, last - first - 1),
                                 topic.substr(last + 1)};
        if (parts.id.find('.') != std::string_view::npos) return std::nullopt;
        return parts;
    }
};

/// What is wrong with the id of an agent, a task or a swarm, if anything: it is one segment of a topic.
[[nodiscard]] inline std::optional<std::string> checkEntityId(std::string_view id)
{
    if (id.empty()) return "an id must not be empty";
    if (id.find_first_of("./*#") == std::string_view::npos) return std::nullopt;
    return "an id is one segment of a topic, without '.', '/', '*' and '#': '" + std::string(id) + "'";
}

}  // namespace strandcast
