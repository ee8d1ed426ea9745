#pragma once

#include "router/publish_origin.hpp"

#include <strandcast/ws_router.hpp>

#include <cstddef>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strandcast
{

/// A publish that waits for its topic's routes.
struct WaitingPublish
{
    PublishOrigin origin;
    RoutedPublish publish;
};

/// For each topic whose routes are at work, a bounded line of publishes: they pass one after another, in the
/// order in which they came, and no other topic waits. A line exists as long as somebody works on it.
class TopicLines
{
public:
    enum class Pushed
    {
        started,  ///< a new line: the caller works on it until next() gives nothing
        joined,
        full,
    };

    explicit TopicLines(std::size_t capacity) : capacity_(capacity) {}

    [[nodiscard]] bool contains(const std::string& topic) const { return lines_.contains(topic); }

    [[nodiscard]] Pushed push(WaitingPublish publish)
    {
        const auto [line, isNew] = lines_.try_emplace(publish.publish.topic);
        if (line->second.size() >= capacity_) return Pushed::full;
        line->second.push_back(std::move(publish));
        return isNew ? Pushed::started : Pushed::joined;
    }

    /// Takes the next publish of a line; an empty line ends.
    [[nodiscard]] std::optional<WaitingPublish> next(const std::string& topic)
    {
        const auto line = lines_.find(topic);
        if (line == lines_.end()) return std::nullopt;
        if (line->second.empty())
        {
            lines_.erase(line);
            return std::nullopt;
        }
        std::optional<WaitingPublish> publish(std::move(line->second.front()));
        line->second.pop_front();
        return publish;
    }

    /// Empties and ends all lines.
    [[nodiscard]] std::vector<WaitingPublish> takeAll()
    {
        std::vector<WaitingPublish> all;
        for (auto& [topic, line] : lines_)
            all.insert(all.end(), std::move_iterator(line.begin()), std::move_iterator(line.end()));
        lines_.clear();
        return all;
    }

private:
    std::size_t capacity_;
    std::map<std::string, std::deque<WaitingPublish>> lines_;
};

}  // namespace strandcast
