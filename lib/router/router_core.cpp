#include "router/router_core.hpp"

#include "coro/hop.hpp"
#include "message/message_id.hpp"
#include "router/event_frame.hpp"
#include "topic/segments.hpp"

#include <strandcast/error.hpp>

#include <asio/dispatch.hpp>
#include <fmt/format.h>

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
    const auto lock = lockTrie();
    for (const auto& topic : subscriber.topics) trie_.erase(topic, &subscriber);
}

void RouterCore::publish(ClientSession& client, PublishMessage request)
{
    if (const auto wrong = checkTopic(request.topic, options_.topicLimits))
        return client.refuse(request.id, ErrorCode::publishFailed, *wrong);
    if (isReserved(request.topic))
        return client.refuse(request.id, ErrorCode::publishFailed,
                             "Invalid topic: '$' begins the server's own topics");
    if (server_->authorizes())
        askFor(client, std::move(request));
    else
        publishOn(client, std::move(request));
}

void RouterCore::publishOn(ClientSession& client, PublishMessage&& request)
{
    if (passesAtOnce(request.topic)) return appendAtOnce(client, std::move(request));
    RoutedPublish publish{
        client.id(),       std::move(request.id), std::move(request.topic), std::move(request.data),
        request.broadcast, client.login()};
    if (home_)
        forward(client, std::move(publish));
    else
        admit({part_, client.number(), client.publisher(), 0}, &client, std::move(publish));
}

// Whether nobody has a say in the publish or is told of it but the log: as nearly always.
bool RouterCore::passesAtOnce(const std::string& topic) const
{
    return !home_ && !abandoned_ && !lines_.contains(topic) &&
           (routes_.empty() || routes_.matching(topic).empty()) && !gates_.concern(topic) &&
           !server_->events().wants<Publish>();
}

// What admit() and append() do with it then, without what only others need.
void RouterCore::appendAtOnce(ClientSession& client, PublishMessage&& request)
{
    const PublishOrigin origin{part_, client.number(), client.publisher(), 0};
    try
    {
        const auto now = server_->now();
        Publication publication{formatMessageId(now, server_->options().random->next()),
                                now,
                                std::move(request.topic),
                                std::move(request.data),
                                origin.publisher,
                                request.broadcast};
        if (const auto appended = broker_->tryAppend(publication))
            return client.acknowledge(request.id, appended->sequenceNumber);
        std::vector<Publication> one;
        one.push_back(std::move(publication));
        appendLater(origin, request.id, {}, std::move(one), std::nullopt);
    }
    catch (...)
    {
        // Its text stays here.
        refuse(origin, request.id, ErrorCode::internalError, "The publish could not be handled");
    }
}

// `client` is none where its connection is on another shard.
void RouterCore::admit(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish)
{
    const bool waits =
        lines_.contains(publish.topic) || (!routes_.empty() && !routes_.matching(publish.topic).empty());
    if (waits)
        waitInLine(origin, client, std::move(publish));
    else
        append(origin, client, std::move(publish));
}

void RouterCore::append(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish)
{
    const auto self = gates_.empty() ? nullptr : self_.lock();  // a gate may end the router's handle
    const auto messageId = publish.messageId;
    try
    {
        auto judgement = gates_.judge(publish);
        if (abandoned_) return refuse(origin, messageId, ErrorCode::internalError, "No router");
        if (judgement.refusal)
            return block(origin, publish, judgement.refusal->code, judgement.refusal->text);
        std::optional<Publish> told;  // only where somebody listens
        if (server_->events().wants<Publish>())
            told = Publish{publish.clientId, publish.topic, publish.data, publish.broadcast};
        Publication publication{server_->newId(),        server_->now(),   std::move(publish.topic),
                                std::move(publish.data), origin.publisher, publish.broadcast};
        std::vector<Publication> further;
        for (auto& topic : judgement.furtherTopics)
        {
            if (!mayAlsoBeLoggedOn(topic, publication.topic)) continue;
            further.push_back(publication);
            further.back().topic = std::move(topic);
        }
        if (!further.empty()) further.insert(further.begin(), publication);
        const auto all = further.empty() ? std::span(&publication, 1) : std::span(further);
        if (const auto appended = broker_->tryAppend(all))
        {
            logged(origin, client, messageId, judgement, *appended);
            return tell(std::move(told), *appended);
        }
        if (further.empty()) further.push_back(std::move(publication));
        appendLater(origin, messageId, std::move(judgement), std::move(further), std::move(told));
    }
    catch (...)
    {
        // Its text stays here.
        refuse(origin, messageId, ErrorCode::internalError, "The publish could not be handled");
    }
}

void RouterCore::appendLater(const PublishOrigin& origin, std::string messageId, Judgement judgement,
                             std::vector<Publication> publications, std::optional<Publish> told)
{
    const auto owner = self_.lock();
    if (!owner) return;
    // So many of a client's publishes may be on their way: it is not read when they are more. Another part
    // counts its own.
    if (auto* const sender = origin.part == part_ ? server_->registry().find(origin.client) : nullptr)
        if (sender->data) countWaiting(*sender);
    strands_.spawn(appendElsewhere(owner, origin, std::move(messageId), std::move(judgement),
                                   std::move(publications), std::move(told)));
}

bool RouterCore::mayAlsoBeLoggedOn(const std::string& further, const std::string& topic) const
{
    return further != topic && !checkTopic(further, options_.topicLimits) && !isReserved(further);
}

void RouterCore::logged(const PublishOrigin& origin, ClientSession* client, std::string_view messageId,
                        const Judgement& judgement, const Appended& appended)
{
    acknowledge(origin, client, messageId, appended.sequenceNumber);
    for (const auto& tell : judgement.logged)
    {
        try
        {
            tell(appended);
        }
        catch (...)
        {
            // The publish is logged and acknowledged, whatever becomes of what follows it.
        }
    }
}

void RouterCore::tell(std::optional<Publish> publish, const Appended& appended)
{
    if (!publish) return;
    publish->sequenceNumber = appended.sequenceNumber;
    server_->events().tell<Publish>(std::move(*publish));
}

Strand<> RouterCore::appendElsewhere(std::shared_ptr<RouterCore> core, PublishOrigin origin,
                                     std::string messageId, Judgement judgement,
                                     std::vector<Publication> publications, std::optional<Publish> told)
{
    std::optional<Appended> appended;
    try
    {
        appended = co_await core->broker_->append(std::move(publications));
    }
    catch (const std::exception&)
    {
        // Its text stays here.
    }
    if (origin.part == core->part_) core->leaveLine(origin.client);
    if (appended)
    {
        core->logged(origin, nullptr, messageId, judgement, *appended);
        core->tell(std::move(told), *appended);
    }
    else
        core->refuse(origin, messageId, ErrorCode::internalError, "The log is out of reach");
}

void RouterCore::acknowledge(const PublishOrigin& origin, ClientSession* client, std::string_view messageId,
                             std::uint64_t sequenceNumber)
{
    if (origin.part != part_)
        return other(origin.part)
            .put(ForwardedAnswer{.token = origin.token,
                                 .kind = ForwardedAnswer::Kind::acknowledged,
                                 .sequenceNumber = sequenceNumber});
    if (!client) client = server_->registry().find(origin.client);
    if (client) client->acknowledge(messageId, sequenceNumber);
}

void RouterCore::refuse(const PublishOrigin& origin, std::string_view messageId, ErrorCode code,
                        std::string_view text, bool retriable)
{
    if (origin.part != part_)
        return other(origin.part)
            .put(ForwardedAnswer{origin.token, ForwardedAnswer::Kind::refused, code, std::string(text),
                                 retriable});
    if (auto* const client = server_->registry().find(origin.client))
        client->refuse(messageId, code, text, {}, {retriable});
}

void RouterCore::block(const PublishOrigin& origin, const RoutedPublish& publish, ErrorCode code,
                       std::string_view text)
{
    refuse(origin, publish.messageId, code, text);
    if (events_->want<PublishBlocked>())
        events_->push(PublishBlocked{publish.clientId, publish.messageId, publish.topic});
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

void RouterCore::waitInLine(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish)
{
    auto topic = publish.topic;
    const auto messageId = publish.messageId;
    const auto pushed = lines_.push({origin, std::move(publish)});
    if (pushed == TopicLines::Pushed::full)
        return refuse(origin, messageId, ErrorCode::publishFailed, "Too many publishes wait; try again",
                      true);
    if (client)
        countWaiting(*client);
    else
        other(origin.part).put(ForwardedAnswer{origin.token, ForwardedAnswer::Kind::placed});
    const auto self = self_.lock();
    if (pushed == TopicLines::Pushed::started && self) strands_.spawn(workOnLine(self, std::move(topic)));
}

void RouterCore::countWaiting(ClientSession& client)
{
    auto& subscriber = Subscriber::of(client);
    if (++subscriber.waitingPublishes >= options_.maxWaitingPublishesPerClient && subscriber.pause())
        client.pause();
}

void RouterCore::leaveLine(std::uint64_t number)
{
    if (abandoned_) return;  // what is kept with the client may be another router's by now
    auto* const client = server_->registry().find(number);
    if (!client || !client->data) return;
    auto& subscriber = Subscriber::of(*client);
    --subscriber.waitingPublishes;
    if (subscriber.goOn()) client->resume();
}

void RouterCore::letAllGoOn()
{
    server_->registry().forEach(
        [](ClientSession& client)
        {
            if (!client.data) return;
            auto& subscriber = Subscriber::of(client);
            if (subscriber.asking) subscriber.asking->cancel();
            if (subscriber.goOn()) client.resume();
            if (const auto request = std::exchange(subscriber.deferred, nullptr))
            {
                std::visit([&](const auto& one)
                           { client.refuse(one.id, ErrorCode::internalError, "No router"); }, *request);
                client.resume();
            }
        });
}

Strand<> RouterCore::workOnLine(std::shared_ptr<RouterCore> core, std::string topic)
{
    while (auto waiting = core->lines_.next(topic)) co_await pass(core, std::move(*waiting));
}

Strand<> RouterCore::pass(std::shared_ptr<RouterCore> core, WaitingPublish waiting)
{
    const auto routes = core->routes_.matching(waiting.publish.topic);
    const auto& publish = waiting.publish;
    bool blocked = false;
    bool failed = false;
    try
    {
        for (const auto& route : routes)
            for (const auto& middleware : route->middleware)
                if (!blocked) blocked = !co_await callHook(core->executor_, middleware(publish));
        for (const auto& route : routes)
            if (!blocked && route->handler) co_await callHook(core->executor_, route->handler(publish));
    }
    catch (...)
    {
        failed = true;  // its text stays here
    }
    if (waiting.origin.part == core->part_) core->leaveLine(waiting.origin.client);
    if (failed || core->abandoned_)
        core->refuse(waiting.origin, publish.messageId, ErrorCode::internalError,
                     "The publish could not be handled");
    else if (blocked)
        core->block(waiting.origin, publish, ErrorCode::publishFailed, "The publish was not let through");
    else
        core->append(waiting.origin, nullptr, std::move(waiting.publish));
}

void RouterCore::appended(std::span<const EntryRef> entries)
{
    for (const auto& entry : entries)
    {
        Counted* const counted = counted_ && counted_->id == entry->id ? counted_ : nullptr;
        for (auto& other : others_) other.put(ForwardedEntry{entry, counted ? counted->elsewhere : nullptr});
        const auto queued = deliver(entry);
        if (counted) counted->queued += queued;
        retained_.take(entry);
        if (events_->want<Published>())
            events_->push(Published{entry->topic, entry->id, entry->sequenceNumber});
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

std::size_t RouterCore::deliver(const EntryRef& entry)
{
    const auto lock = lockTrie();
    std::size_t queued = 0;
    FrameOf frameOf(*entry);
    const auto& subscribers = trie_.match(entry->topic);
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

Strand<> RouterCore::route(std::shared_ptr<RouterCore> core, RouteConfig config)
{
    core->throwIfAbandoned();
    core->routes_.add({TopicPattern(std::move(config.topic), core->options_.topicLimits),
                       std::move(config.handler), std::move(config.middleware)});
    co_return;
}

void RouterCore::retain(std::shared_ptr<RouterCore> home, RetainRule rule)
{
    // Here, where the caller hears of it.
    static_cast<void>(TopicPattern(rule.topic, home->options_.topicLimits));
    const auto executor = home->executor_;
    asio::dispatch(executor, [home = std::move(home), rule = std::move(rule)]() mutable
                   { home->retained_.addRule(std::move(rule)); });
}

Strand<std::size_t> RouterCore::unroute(std::shared_ptr<RouterCore> core, std::string topic)
{
    core->throwIfAbandoned();
    co_return core->routes_.remove(topic);
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

std::vector<Publication> RouterCore::serverPublications(std::vector<std::string> topics,
                                                        std::optional<Json> data) const
{
    std::vector<Publication> publications;
    publications.reserve(topics.size());
    const Publication event{server_->newId(), server_->now(), {}, std::move(data), 0, false};
    for (auto& topic : topics) publications.push_back(event), publications.back().topic = std::move(topic);
    return publications;
}

Strand<PublishReceipt> RouterCore::publish(std::shared_ptr<RouterCore> core, std::vector<std::string> topics,
                                           std::optional<Json> data,
                                           std::shared_ptr<std::atomic<std::size_t>> elsewhere)
{
    core->throwIfAbandoned();
    core->checkTopics(topics);
    auto publications = core->serverPublications(std::move(topics), std::move(data));
    Counted counted{publications.front().id, std::move(elsewhere)};
    const auto outer = std::exchange(core->counted_, &counted);
    std::optional<Appended> appended;
    try
    {
        appended = core->broker_->tryAppend(publications);
    }
    catch (...)
    {
        core->counted_ = outer;
        throw;
    }
    core->counted_ = outer;
    if (!appended)
    {
        // A strand of the router's own appends, which ends with the router; who cancels stops waiting for it.
        const auto append = core->beginAppend(std::move(publications));
        while (!append->isOver) co_await append->ended.wait();
        core->throwIfAbandoned();
        if (append->failure) std::rethrow_exception(append->failure);
        appended = append->appended;
    }
    // Before the caller asks the others whether they have delivered it.
    for (auto& other : core->others_) other.send();
    co_return PublishReceipt{appended->sequenceNumber, counted.queued};
}

void RouterCore::publishNow(std::vector<std::string> topics, std::optional<Json> data)
{
    if (abandoned_) return;
    checkTopics(topics);
    auto publications = serverPublications(std::move(topics), std::move(data));
    if (!broker_->tryAppend(publications)) static_cast<void>(beginAppend(std::move(publications)));
}

std::shared_ptr<RouterCore::FarAppend> RouterCore::beginAppend(std::vector<Publication> publications)
{
    auto append = std::make_shared<FarAppend>(executor_);
    strands_.spawn(appendForServer(self_.lock(), std::move(publications), append));
    return append;
}

Strand<> RouterCore::appendForServer(std::shared_ptr<RouterCore> core, std::vector<Publication> publications,
                                     std::shared_ptr<FarAppend> append)
{
    try
    {
        append->appended = co_await core->broker_->append(std::move(publications));
    }
    catch (...)
    {
        append->failure = std::current_exception();
    }
    append->isOver = true;
    append->ended.notify();
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
