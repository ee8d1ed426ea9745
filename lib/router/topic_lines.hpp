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

/// Bounds on the publishes that wait for routes. The bytes count those that pass as well.
struct LineLimits
{
    std::size_t maxPublishes = 0;   ///< that wait in one line, behind the one that passes
    std::size_t maxLineBytes = 0;   ///< of one line; one publish always fits
    std::size_t maxTotalBytes = 0;  ///< of all lines; one publish always fits
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

    explicit TopicLines(LineLimits limits) : limits_(limits) {}

    [[nodiscard]] bool contains(const std::string& topic) const { return lines_.contains(topic); }

    [[nodiscard]] Pushed push(WaitingPublish publish)
    {
        const auto bytes = bytesOf(publish.publish);
        if (bytes_ > 0 && bytes_ + bytes > limits_.maxTotalBytes) return Pushed::full;
        const auto known = lines_.find(publish.publish.topic);
        const bool isNew = known == lines_.end();
        if (!isNew && (known->second.waiting.size() >= limits_.maxPublishes ||
                       known->second.bytes + bytes > limits_.maxLineBytes))
            return Pushed::full;
        auto& line = isNew ? lines_[publish.publish.topic] : known->second;
        line.waiting.push_back(std::move(publish));
        line.bytes += bytes;
        bytes_ += bytes;
        return isNew ? Pushed::started : Pushed::joined;
    }

    /// The one that passed has passed: takes the next publish of a line. An empty line ends.
    [[nodiscard]] std::optional<WaitingPublish> next(const std::string& topic)
    {
        const auto found = lines_.find(topic);
        if (found == lines_.end()) return std::nullopt;
        auto& line = found->second;
        bytes_ -= line.passing;
        line.bytes -= std::exchange(line.passing, 0);
        if (line.waiting.empty())
        {
            lines_.erase(found);
            return std::nullopt;
        }
        std::optional<WaitingPublish> publish(std::move(line.waiting.front()));
        line.waiting.pop_front();
        line.passing = bytesOf(publish->publish);
        return publish;
    }

    /// Empties and ends all lines.
    [[nodiscard]] std::vector<WaitingPublish> takeAll()
    {
        std::vector<WaitingPublish> all;
        for (auto& [topic, line] : lines_)
            all.insert(all.end(), std::move_iterator(line.waiting.begin()),
                       std::move_iterator(line.waiting.end()));
        lines_.clear();
        bytes_ = 0;
        return all;
    }

    /// What waits or passes takes so many.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    struct Line
    {
        std::deque<WaitingPublish> waiting;
        std::size_t bytes = 0;    // of these and of the one that passes
        std::size_t passing = 0;  // of that one alone
    };

    [[nodiscard]] static std::size_t bytesOf(const RoutedPublish& publish) noexcept
    {
        return sizeof(WaitingPublish) + publish.clientId.size() + publish.messageId.size() +
               publish.topic.size() + (publish.data ? publish.data->text().size() : 0);
    }

    LineLimits limits_;
    std::map<std::string, Line> lines_;
    std::size_t bytes_ = 0;
};

}  // namespace strandcast
