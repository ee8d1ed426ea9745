#include "client/topic_numbers.hpp"

#include <utility>

namespace strandcast
{

std::optional<Gap> TopicNumbers::gapBefore(const EventView& event)
{
    // What is replayed comes beside what is live.
    if (!event.sequenceNumber || event.replay || !isCertain(event.topic)) return std::nullopt;
    const auto number = *event.sequenceNumber;
    auto& topic = find(event.topic, number);
    if (number <= topic.last)
    {
        topic = {.last = number};  // the first one, or the first of a topic that the server had forgotten
        return std::nullopt;
    }
    const auto missing = number - std::exchange(topic.last, number) - 1;
    if (missing == 0) return std::nullopt;
    // Each of the client's own publishes may stand in a topic once: the one that it named, or another, on
    // which the server repeats it.
    const auto own = passedOver_ - topic.passedOver;
    if (missing <= own)
    {
        topic.passedOver += missing;
        return std::nullopt;
    }
    topic.passedOver = passedOver_;
    return Gap{own == 0 ? std::optional(missing) : std::nullopt, Gap::Reason::dropped};
}

void TopicNumbers::unsubscribed(const std::vector<std::string>& topics)
{
    for (const auto& topic : topics) unsubscribed_.insert(topic, '\0');
    if (unsubscribed_.size() <= maxTopics_) return;
    isBlind_ = true;
    unsubscribed_ = {};
}

void TopicNumbers::beginAnew()
{
    last_ = nullptr;
    recent_.clear();
    older_.clear();
    unsubscribed_ = {};
    isBlind_ = false;
}

bool TopicNumbers::isCertain(std::string_view topic)
{
    if (isBlind_) return false;
    return unsubscribed_.size() == 0 || unsubscribed_.match(topic).empty();
}

// What is there of the topic, or that this is its first event.
TopicNumbers::Topic& TopicNumbers::find(std::string_view topic, std::uint64_t number)
{
    // Events come in runs of one topic.
    if (last_ && last_->first == topic) return last_->second;
    last_ = nullptr;
    auto found = recent_.find(topic);
    if (found == recent_.end())
    {
        if (recent_.size() >= maxTopics_) older_ = std::exchange(recent_, {});
        const auto older = older_.find(topic);
        found = recent_.emplace(topic, older == older_.end() ? Topic{.last = number} : older->second).first;
    }
    last_ = &*found;
    return found->second;
}

}  // namespace strandcast
