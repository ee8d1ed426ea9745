#pragma once

#include "client/event_view.hpp"
#include "topic/text_hash.hpp"
#include "topic/trie.hpp"

#include <strandcast/ws_client.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace strandcast
{

/// What the numbers of one connection's events tell. A topic's count from 1 without holes, and who is
/// subscribed gets them all but its own: so one that is passed over was dropped on its way. Nothing is said
/// where that is not certain.
class TopicNumbers
{
public:
    /// So many topics are remembered at least, those that had an event last.
    explicit TopicNumbers(std::size_t maxTopics = 10'000) : maxTopics_(maxTopics) {}
    TopicNumbers(const TopicNumbers&) = delete;
    TopicNumbers& operator=(const TopicNumbers&) = delete;

    /// What is missing between the last event of this one's topic and this one.
    [[nodiscard]] std::optional<Gap> gapBefore(const EventView& event);

    /// The client publishes something that does not come back to it. When is not known: the answer may be
    /// older than events that come behind it, and a connection's publish may be logged after its end.
    void passedOver() noexcept { ++passedOver_; }

    /// What comes of these is not all there is any more, also if they are asked for again: events that were
    /// on their way come before and behind the answers.
    void unsubscribed(const std::vector<std::string>& topics);

    /// What follows comes on another connection.
    void beginAnew();

private:
    struct Topic
    {
        std::uint64_t last;
        std::uint64_t passedOver = 0;  // of the client's own publishes, those taken for this topic's
    };
    struct Hash
    {
        using is_transparent = void;
        [[nodiscard]] std::size_t operator()(std::string_view topic) const noexcept
        {
            return textHash(topic, hashSeed());
        }
    };
    using Topics = std::unordered_map<std::string, Topic, Hash, std::equal_to<>>;

    [[nodiscard]] bool isCertain(std::string_view topic);
    [[nodiscard]] Topic& find(std::string_view topic, std::uint64_t number);

    const std::size_t maxTopics_;
    std::uint64_t passedOver_ = 0;
    Topics recent_;
    Topics older_;                        // what was recent until that was full
    Topics::value_type* last_ = nullptr;  // the one that was asked for last
    Trie<char> unsubscribed_;
    bool isBlind_ = false;  // too much was unsubscribed to be remembered
};

}  // namespace strandcast
