#include "router/router_core.hpp"

#include "router/event_frame.hpp"

#include <strandcast/error.hpp>

#include <asio/dispatch.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace strandcast
{

RouterCore::RouterCore(std::shared_ptr<ServerCore> server, RouterOptions options)
    : lease_(server->executor()),
      executor_(server->executor()),
      server_(std::move(server)),
      options_(std::move(options)),
      broker_(options_.broker
                  ? options_.broker
                  : std::make_shared<MemoryBroker>(MemoryBrokerOptions{.clock = server_->options().clock})),
      lines_(
          {options_.maxWaitingPublishesPerTopic, options_.maxWaitingBytesPerTopic, options_.maxWaitingBytes}),
      events_(std::make_shared<RouterEventSinks>(executor_, options_.eventStreamSize)),
      retained_({options_.maxRetainedEvents, options_.maxRetainedBytes}, options_.topicLimits,
                *server_->options().clock),
      strands_(executor_)
{
    for (const auto& rule : options_.retain) retained_.addRule(rule);
}

RouterCore::~RouterCore()
{
    if (!attached_) return;
    if (!home_) broker_->detach(*this);
    server_->detach(*this);
}

void RouterCore::link(const std::vector<std::shared_ptr<RouterCore>>& parts)
{
    for (const auto& part : parts) part->self_ = part;
    if (parts.size() == 1) return;
    auto& home = *parts.front();
    home.incoming_ = std::make_shared<const Mailbox<ForwardedPublish>>(home.executor_,
                                                                       [weak = home.self_](auto& batch)
                                                                       {
                                                                           if (const auto core = weak.lock())
                                                                               core->takeForwarded(batch);
                                                                       });
    for (std::size_t place = 1; place < parts.size(); ++place)
    {
        auto& part = *parts[place];
        part.part_ = place;
        part.news_ = std::make_shared<const Mailbox<NewsFromHome>>(part.executor_,
                                                                   [weak = part.self_](auto& batch)
                                                                   {
                                                                       if (const auto core = weak.lock())
                                                                           core->takeNews(batch);
                                                                   });
        part.home_.emplace(place, part.executor_, home.incoming_);
        part.homeCore_ = home.self_;
        part.events_ = home.events_;
        home.others_.emplace_back(home.executor_, part.news_);
        home.otherCores_.push_back(part.self_);
    }
}

void RouterCore::attach(const std::shared_ptr<RouterCore>& core)
{
    asio::dispatch(core->executor_,
                   [core]
                   {
                       if (core->abandoned_) return;
                       core->attached_ = true;
                       if (!core->home_) core->broker_->attach(*core);
                       core->server_->attach(*core, {core->options_.queueSize, core->options_.queueBytes,
                                                     core->options_.backpressure});
                   });
}

void RouterCore::abandon(std::shared_ptr<RouterCore> core)
{
    const auto executor = core->executor_;
    asio::dispatch(executor,
                   [core = std::move(core)]
                   {
                       core->abandoned_ = true;
                       for (auto& waiting : core->lines_.takeAll())
                           core->refuse(waiting.origin, waiting.publish.messageId, ErrorCode::internalError,
                                        "No router");
                       core->unlink();
                       core->routes_.clear();
                       core->gates_.clear();
                       if (!core->home_) core->events_->end();
                       core->strands_.cancel();
                       if (!std::exchange(core->attached_, false)) return;
                       if (!core->home_) core->broker_->detach(*core);
                       core->letAllGoOn();
                       core->server_->detach(*core);
                       const auto lock = core->lockTrie();
                       core->trie_ = {};
                   });
}

void RouterCore::serverGone() noexcept
{
    const auto lock = lockTrie();
    trie_ = {};
}

// On the home shard nobody but its own thread asks.
std::unique_lock<std::mutex> RouterCore::lockTrie() const
{
    return home_ ? std::unique_lock(trieMutex_) : std::unique_lock<std::mutex>();
}

void RouterCore::opened(ClientSession& client)
{
    client.data = std::make_unique<Subscriber>(client);
}

void RouterCore::closed(ClientSession& client) noexcept
{
    auto& subscriber = Subscriber::of(client);
    if (subscriber.asking) subscriber.asking->cancel();
    for (const auto& replay : subscriber.replays)
        for (; const auto* const entry = replay->next(); replay->pop())
            client.noteDropped(entry->topic, DropReason::disconnected);
    eraseAll(subscriber, subscriber.topics);
}

void RouterCore::eventDropped(ClientSession& client, std::string_view topic, DropReason reason) noexcept
{
    if (!events_->want<MessageDropped>()) return;
    try
    {
        events_->push(MessageDropped{client.id(), std::string(topic), reason});
    }
    catch (const std::exception&)
    {
        // Out of memory, as it must be: the client's own account has it.
    }
}

void RouterCore::appended(std::span<const EntryRef> entries)
{
    for (const auto& entry : entries)
    {
        Counted* const counted = counted_ && counted_->id == entry->id ? counted_ : nullptr;
        for (auto& other : others_) other.put(ForwardedEntry{entry, counted ? counted->elsewhere : nullptr});
        const auto queued = deliver(entry, ahead_);
        if (counted) counted->queued += queued;
        retained_.take(entry);
        if (events_->want<Published>())
            events_->push(
                Published{std::string(entry->topic), std::string(entry->id), entry->sequenceNumber});
    }
}

namespace
{

/// The frame of an entry for one subscriber after another, most of which want the same one.
class FrameOf
{
public:
    explicit FrameOf(const LogEntry& entry) : entry_(entry) {}

    const SharedFrame& operator()(ProtocolVersion version, Deflater* deflater)
    {
        if (!frame_ || version != version_ || deflater != deflater_)
        {
            frame_ = eventFrame(entry_, version, deflater);
            version_ = version;
            deflater_ = deflater;
        }
        return frame_;
    }

private:
    const LogEntry& entry_;
    SharedFrame frame_;
    ProtocolVersion version_ = {};
    Deflater* deflater_ = nullptr;
};

}  // namespace

std::size_t RouterCore::deliver(const EntryRef& entry, Ahead& ahead)
{
    const auto lock = lockTrie();
    std::size_t queued = 0;
    FrameOf frameOf(*entry);
    const auto subscribers = trie_.match(entry->topic, ahead);
    ahead.clear();
    for (std::size_t place = 0; place < subscribers.size(); ++place)
    {
        // With many subscribers what they keep lies in memory that no cache holds.
        if (place + 8 < subscribers.size()) __builtin_prefetch(subscribers[place + 8]);
        if (place + 4 < subscribers.size()) subscribers[place + 4]->client.prefetch();
        if (place + 2 < subscribers.size()) subscribers[place + 2]->client.prefetchFurther();
        auto* const subscriber = subscribers[place];
        auto& client = subscriber->client;
        if (isOwn(client, *entry)) continue;
        try
        {
            const bool isQueued = subscriber->replays.empty()
                                      ? client.deliver(frameOf(client.version(), client.deflater()))
                                      : deliverBesideReplays(*subscriber, entry);
            if (isQueued) ++queued;
        }
        catch (...)
        {
            // Out of memory, as it must be: this client would miss an event, and nobody else.
            client.close({CloseCode::internalError, "Internal error"});
        }
    }
    return queued;
}

bool RouterCore::isWanted(std::string_view topic) const
{
    if (!home_ && retained_.holds(topic)) return true;
    const auto lock = lockTrie();
    return !trie_.match(topic).empty() || std::any_of(otherCores_.begin(), otherCores_.end(),
                                                      [&](const std::weak_ptr<RouterCore>& other)
                                                      {
                                                          const auto core = other.lock();
                                                          return core && core->isWanted(topic);
                                                      });
}

std::vector<std::string> RouterCore::subscriptions(const ClientSession& client) const
{
    return client.data ? Subscriber::of(client).topics : std::vector<std::string>();
}

void RouterCore::retain(std::shared_ptr<RouterCore> home, RetainRule rule)
{
    // Here, where the caller hears of it.
    static_cast<void>(TopicPattern(rule.topic, home->options_.topicLimits));
    const auto executor = home->executor_;
    asio::dispatch(executor, [home = std::move(home), rule = std::move(rule)]() mutable
                   { home->retained_.addRule(std::move(rule)); });
}

void RouterCore::throwIfAbandoned() const
{
    if (abandoned_) throw Error(Errc::cancelled);
}

void RouterCore::checkTopics(const std::vector<std::string>& topics) const
{
    for (const auto& topic : topics)
        if (auto wrong = checkTopic(topic, options_.topicLimits))
            throw Error(Errc::invalidArgument, std::move(*wrong));
}

// What home logged before was put into the mailbox, and so posted, before the caller came here.
Strand<> RouterCore::delivered(std::shared_ptr<RouterCore> core)
{
    static_cast<void>(core);
    co_return;
}

Strand<std::vector<NumberedClient>> RouterCore::topicSubscribers(std::shared_ptr<RouterCore> core,
                                                                 std::string topic)
{
    core->throwIfAbandoned();
    std::vector<NumberedClient> clients;
    const auto lock = core->lockTrie();
    for (const Subscriber* const subscriber : core->trie_.match(topic))
        clients.push_back({subscriber->client.number(), subscriber->client.id()});
    co_return clients;
}

Strand<std::map<std::string, std::vector<NumberedClient>>>
RouterCore::allSubscriptions(std::shared_ptr<RouterCore> core)
{
    core->throwIfAbandoned();
    std::map<std::string, std::vector<NumberedClient>> all;
    core->server_->registry().forEach(
        [&](const ClientSession& client)
        {
            if (!client.data) return;
            for (const auto& topic : Subscriber::of(client).topics)
                all[topic].push_back({client.number(), client.id()});
        });
    co_return all;
}

}  // namespace strandcast
