// What clients subscribe to.

#include "router/router_core.hpp"
#include "topic/ahead_in_list.hpp"
#include "topic/segments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace strandcast
{

namespace
{

std::size_t allBehindHash(const std::vector<std::string>& patterns)
{
    std::size_t behind = 0;
    for (const auto& pattern : patterns) behind += segmentsBehindHash(pattern);
    return behind;
}

/// What AheadInList begins with, for patterns that stay where they are.
template <typename Trie>
auto lookAt(const Trie& trie, std::span<const std::string> patterns)
{
    return [&trie, patterns](std::size_t place, Ahead& ahead) noexcept
    { trie.lookAheadOfChange(patterns[place], ahead); };
}

}  // namespace

std::optional<std::string> RouterCore::whatIsWrong(std::string_view pattern) const
{
    if (auto wrong = checkPattern(pattern, options_.topicLimits)) return wrong;
    if (!options_.enablePatterns && checkTopic(pattern, options_.topicLimits))
        return "Patterns are not enabled";
    return std::nullopt;
}

std::optional<std::string> RouterCore::whatIsTooMany(std::size_t topics) const
{
    const auto most = std::max(options_.maxTopicsPerRequest, options_.maxSubscriptionsPerClient);
    if (topics <= most) return std::nullopt;
    return fmt::format("Too many topics in one request: {} at most", most);
}

void RouterCore::subscribe(ClientSession& client, SubscribeMessage request)
{
    if (Subscriber::of(client).unplacedPublishes > 0) return defer(client, std::move(request));
    // Both lists mean the same.
    if (auto patterns = std::exchange(request.patterns, std::nullopt))
        request.topics.insert(request.topics.end(), std::move_iterator(patterns->begin()),
                              std::move_iterator(patterns->end()));
    if (!server_->authorizes()) return subscribeTo(client, std::move(request));
    // Nobody is asked for what is none.
    auto wrong = whatIsTooMany(request.topics.size());
    for (const auto& topic : request.topics)
        if (!wrong) wrong = whatIsWrong(topic);
    if (wrong) return client.refuse(request.id, ErrorCode::subscriptionFailed, *wrong);
    askFor(client, std::move(request));
}

void RouterCore::subscribeTo(ClientSession& client, SubscribeMessage request)
{
    auto& subscriber = Subscriber::of(client);
    const auto before = subscriber.topics.size();
    if (request.last && replayed(client) >= options_.maxReplayedEvents)
        return client.refuse(request.id, ErrorCode::subscriptionFailed,
                             "Too much waits to be replayed; try again", {}, {.retriable = true});
    if (const auto wrong = add(subscriber, request.topics))
        return client.refuse(request.id, ErrorCode::subscriptionFailed, *wrong);
    client.acknowledge(request.id);
    server_->events().tell<Subscribe>(client.id(), request.topics);
    if (!request.last)
    {
        for (const auto& replay : subscriber.replays)
            for (const auto& topic : request.topics) replay->letLive(topic);
        return;
    }
    std::unordered_set<std::string> held(subscriber.topics.begin() + static_cast<std::ptrdiff_t>(before),
                                         subscriber.topics.end());
    beginReplay(client, std::move(request.id), request.topics, std::move(held), *request.last);
}

// All or nothing, also where there is no memory.
std::optional<std::string> RouterCore::add(Subscriber& subscriber, const std::vector<std::string>& topics)
{
    if (auto wrong = whatIsTooMany(topics.size())) return wrong;
    const auto lock = lockTrie();
    const auto before = subscriber.topics.size();
    std::optional<std::size_t> behindHash;  // of all; counted once there is one to add
    const auto takeBack = [&]
    {
        for (; subscriber.topics.size() > before; subscriber.topics.pop_back())
            trie_.erase(subscriber.topics.back(), &subscriber);
    };
    try
    {
        subscriber.topics.reserve(before + topics.size());
        AheadInList ahead(trie_, topics.size(), lookAt(trie_, topics));
        for (const auto& topic : topics)
        {
            auto wrong = whatIsWrong(topic);
            auto kept = topic;
            if (!wrong && trie_.insert(topic, &subscriber, ahead.next()))
            {
                subscriber.topics.push_back(std::move(kept));
                if (const auto behind = segmentsBehindHash(topic); behind > 0)
                    behindHash = behindHash ? *behindHash + behind : allBehindHash(subscriber.topics);
                if (subscriber.topics.size() > options_.maxSubscriptionsPerClient)
                    wrong = limitExceeded(subscriber.client);
                else if (behindHash.value_or(0) > options_.maxSegmentsBehindHash)
                    wrong = fmt::format("Too many segments behind '#' in all patterns: {} at most",
                                        options_.maxSegmentsBehindHash);
            }
            if (!wrong) continue;
            takeBack();
            return wrong;
        }
    }
    catch (...)
    {
        takeBack();
        throw;
    }
    return std::nullopt;
}

std::string RouterCore::limitExceeded(const ClientSession& client)
{
    const auto limit = options_.maxSubscriptionsPerClient;
    if (events_->want<SubscriptionLimitExceeded>())
        events_->push(SubscriptionLimitExceeded{client.id(), limit});
    return fmt::format("Too many subscriptions: {} at most", limit);
}

void RouterCore::unsubscribe(ClientSession& client, UnsubscribeMessage request)
{
    if (Subscriber::of(client).unplacedPublishes > 0) return defer(client, std::move(request));
    auto wrong = whatIsTooMany(request.topics.size());
    for (const auto& topic : request.topics)
        if (!wrong) wrong = checkPattern(topic, options_.topicLimits);
    if (wrong) return client.refuse(request.id, ErrorCode::subscriptionFailed, *wrong);

    leave(client, request.topics);
    client.acknowledge(request.id);
    server_->events().tell<Unsubscribe>(client.id(), request.topics);
}

void RouterCore::leave(ClientSession& client, const std::vector<std::string>& topics)
{
    auto& subscriber = Subscriber::of(client);
    const std::unordered_set<std::string_view> leaving(topics.begin(), topics.end());
    eraseAll(subscriber, topics);  // those that it is not subscribed to are none of its
    std::erase_if(subscriber.topics, [&](const std::string& topic) { return leaving.contains(topic); });
    leaveReplays(client, leaving);
}

void RouterCore::eraseAll(Subscriber& subscriber, std::span<const std::string> topics) noexcept
{
    const auto lock = lockTrie();
    AheadInList ahead(trie_, topics.size(), lookAt(trie_, topics));
    for (const auto& topic : topics) trie_.erase(topic, &subscriber, ahead.next());
}

}  // namespace strandcast
