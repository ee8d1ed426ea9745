// Replays: what clients of version 1.1.0 get of what was logged before they subscribed.

#include "coro/hop.hpp"
#include "message/envelope.hpp"
#include "router/event_frame.hpp"
#include "router/router_core.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace strandcast
{

namespace
{

LastQuery queryFor(const std::vector<std::string>& topics, std::size_t perTopic, const TopicLimits& limits)
{
    LastQuery query{.perTopic = perTopic};
    const auto patterns = std::make_shared<std::vector<TopicPattern>>();
    for (const auto& topic : topics)
    {
        TopicPattern pattern(topic, limits);
        if (pattern.isPattern())
            patterns->push_back(std::move(pattern));
        else
            query.topics.push_back(topic);
    }
    if (!patterns->empty())
        query.matches =
            [patterns = std::shared_ptr<const std::vector<TopicPattern>>(patterns)](std::string_view topic)
        {
            return std::any_of(patterns->begin(), patterns->end(),
                               [&](const TopicPattern& pattern) { return pattern.matches(topic); });
        };
    return query;
}

}  // namespace

void RouterCore::beginReplay(ClientSession& client, std::string request,
                             const std::vector<std::string>& topics, std::unordered_set<std::string> held,
                             std::uint64_t last)
{
    auto& subscriber = Subscriber::of(client);
    const auto replay =
        std::make_shared<Replay>(std::move(request), topics, std::move(held), options_.topicLimits);
    subscriber.replays.add(replay);
    client.tellSent(true);
    auto query = queryFor(topics, static_cast<std::size_t>(last), options_.topicLimits);
    if (!home_)
    {
        if (auto found = broker_->tryReadLast(query))
        {
            retained_.addTo(*found, query);
            return replayFrom(client, *replay, std::move(*found));
        }
    }
    if (const auto self = self_.lock())
        strands_.spawn(fetchBacklog(self, client.number(), replay, std::move(query)));
}

Strand<> RouterCore::fetchBacklog(std::shared_ptr<RouterCore> core, std::uint64_t number,
                                  std::weak_ptr<Replay> asked, LastQuery query)
{
    std::optional<LastEntries> found;
    try
    {
        if (!core->home_)
            found = co_await readLast(core, std::move(query));
        else if (const auto home = core->homeCore_.lock())
            found = co_await hopBetween<ShardExecutor>(home->executor_, readLast(home, std::move(query)));
    }
    catch (const std::exception&)
    {
        // Its text stays here.
    }
    if (core->abandoned_) co_return;
    auto* const client = core->server_->registry().find(number);
    const auto replay = asked.lock();
    if (!client || !replay) co_return;
    if (!found) co_return client->close({CloseCode::internalError, "The log is out of reach"});
    try
    {
        core->replayFrom(*client, *replay, std::move(*found));
    }
    catch (const std::exception&)
    {
        // Out of memory, as it must be.
        client->close({CloseCode::internalError, "Internal error"});
    }
}

Strand<LastEntries> RouterCore::readLast(std::shared_ptr<RouterCore> core, LastQuery query)
{
    auto found = core->broker_->tryReadLast(query);
    if (!found) found = co_await core->broker_->readLast(query);
    core->retained_.addTo(*found, query);
    // What is found is on its way to the others before this is: there it would be new behind it.
    for (auto& other : core->others_) other.send();
    co_return std::move(*found);
}

void RouterCore::replayFrom(ClientSession& client, Replay& replay, LastEntries found)
{
    std::erase_if(found.entries, [&](const EntryRef& entry)
                  { return isOwn(client, *entry) || !replay.matches(entry->topic); });
    const auto room = options_.maxReplayedEvents - std::min(options_.maxReplayedEvents, replayed(client));
    const auto excess =
        static_cast<std::ptrdiff_t>(found.entries.size() - std::min(found.entries.size(), room));
    const auto fitting = found.entries.begin() + excess;
    for (auto dropped = found.entries.begin(); dropped != fitting; ++dropped)
        client.noteDropped((*dropped)->topic, DropReason::queueFull);
    found.entries.erase(found.entries.begin(), fitting);
    replay.begin(std::move(found.entries), found.newestOffset);
    feed(client);
}

// What waits to be replayed to the client, or is asked for.
std::size_t RouterCore::replayed(const ClientSession& client)
{
    const auto& replays = Subscriber::of(client).replays;
    std::size_t count = replays.size();
    for (const auto& replay : replays) count += replay->pending() - replay->captured().count;
    return count;
}

// A client that still gets a replay: an event may belong to that, be live, or both.
bool RouterCore::deliverBesideReplays(Subscriber& subscriber, const EntryRef& entry)
{
    bool isQueued = false;
    Captured all;
    for (const auto& replay : subscriber.replays) all += replay->captured();
    for (const auto& replay : subscriber.replays)
    {
        if (!replay->matches(entry->topic)) continue;
        all += replay->capture(entry);
        isQueued = true;
        // The bounds of the queue hold for all that waits beside it; one event always fits.
        while (replay->captured().count > 0 && all.count > 1 &&
               (all.count > options_.queueSize || all.bytes > options_.queueBytes))
        {
            const auto before = replay->captured();
            const auto dropped = replay->dropOldestCaptured();
            all -= before;
            all += replay->captured();
            subscriber.client.noteDropped(dropped->topic, DropReason::queueFull);
        }
    }
    const bool isLive =
        std::any_of(subscriber.topics.begin(), subscriber.topics.end(),
                    [&](const std::string& topic)
                    {
                        const auto holds = [&](const auto& replay) { return replay->holds(topic); };
                        return std::none_of(subscriber.replays.begin(), subscriber.replays.end(), holds) &&
                               TopicPattern(topic, options_.topicLimits).matches(entry->topic);
                    });
    if (isLive && subscriber.client.deliver(
                      eventFrame(*entry, subscriber.client.version(), subscriber.client.deflater())))
        isQueued = true;
    return isQueued;
}

void RouterCore::sent(ClientSession& client)
{
    if (Subscriber::of(client).replays.empty()) return client.tellSent(false);
    try
    {
        feed(client);
    }
    catch (const std::exception&)
    {
        // Out of memory, as it must be.
        client.close({CloseCode::internalError, "Internal error"});
    }
}

// As much as there is room for: what is replayed waits here, and not where it could be dropped.
void RouterCore::feed(ClientSession& client)
{
    bool hasRoom = true;
    Subscriber::of(client).replays.eraseIf(
        [&](const auto& replay)
        {
            if (!hasRoom || !replay->hasBegun()) return false;
            while (const auto* const entry = replay->next())
            {
                const auto frame = replayFrame(*entry, replay->request(), client.deflater());
                hasRoom = client.hasRoomFor(frame.bytes().size());
                if (!hasRoom) return false;
                static_cast<void>(client.deliver(frame));
                replay->pop();
            }
            std::string text;
            appendReplayEnd(text, server_->newId(), server_->now(), replay->request(), ReplayEnd::live);
            client.deliverAlways(SharedFrame::text(text, {}));
            return true;
        });
}

void RouterCore::leaveReplays(ClientSession& client, const std::unordered_set<std::string_view>& topics)
{
    Subscriber::of(client).replays.eraseIf(
        [&](const auto& replay)
        {
            if (!replay->forget(topics)) return false;
            std::string text;
            appendReplayEnd(text, server_->newId(), server_->now(), replay->request(), ReplayEnd::more);
            static_cast<void>(client.push(text));
            return true;
        });
}

}  // namespace strandcast
