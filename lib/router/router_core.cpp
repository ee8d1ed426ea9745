#include "router/router_core.hpp"

#include "coro/hop.hpp"
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
    : executor_(server->executor()),
      server_(std::move(server)),
      options_(std::move(options)),
      broker_(options_.broker
                  ? options_.broker
                  : std::make_shared<MemoryBroker>(MemoryBrokerOptions{.clock = server_->options().clock})),
      lines_(options_.maxWaitingPublishesPerTopic),
      strands_(executor_)
{
}

RouterCore::~RouterCore()
{
    if (!attached_) return;
    broker_->detach(*this);
    server_->detach(*this);
}

void RouterCore::attach(const std::shared_ptr<RouterCore>& core)
{
    core->self_ = core;
    asio::dispatch(core->executor_,
                   [core]
                   {
                       if (core->abandoned_) return;
                       core->attached_ = true;
                       core->broker_->attach(*core);
                       core->server_->attach(*core, {core->options_.queueSize, core->options_.queueBytes});
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
                           core->answer(waiting.client, waiting.publish.messageId, ErrorCode::internalError,
                                        "No router");
                       core->routes_.clear();
                       core->strands_.cancel();
                       if (!std::exchange(core->attached_, false)) return;
                       core->broker_->detach(*core);
                       core->letAllGoOn();
                       core->server_->detach(*core);
                       core->trie_ = {};
                   });
}

void RouterCore::serverGone() noexcept
{
    trie_ = {};
}

void RouterCore::opened(ClientSession& client)
{
    client.data = std::make_unique<Subscriber>(client);
}

void RouterCore::closed(ClientSession& client) noexcept
{
    auto& subscriber = Subscriber::of(client);
    for (const auto& topic : subscriber.topics) trie_.erase(topic, &subscriber);
}

std::optional<std::string> RouterCore::whatIsWrong(std::string_view pattern) const
{
    if (auto wrong = checkPattern(pattern, options_.topicLimits)) return wrong;
    if (!options_.enablePatterns && checkTopic(pattern, options_.topicLimits))
        return "Patterns are not enabled";
    return std::nullopt;
}

void RouterCore::subscribe(ClientSession& client, SubscribeMessage request)
{
    auto& subscriber = Subscriber::of(client);
    auto topics = std::move(request.topics);
    if (request.patterns)
        topics.insert(topics.end(), std::move_iterator(request.patterns->begin()),
                      std::move_iterator(request.patterns->end()));
    for (const auto& topic : topics)
        if (const auto wrong = whatIsWrong(topic))
            return client.refuse(request.id, ErrorCode::subscriptionFailed, *wrong);

    const auto before = subscriber.topics.size();
    for (auto& topic : topics)
        if (trie_.insert(topic, &subscriber)) subscriber.topics.push_back(std::move(topic));
    if (subscriber.topics.size() > options_.maxSubscriptionsPerClient && subscriber.topics.size() > before)
    {
        // All or nothing.
        for (; subscriber.topics.size() > before; subscriber.topics.pop_back())
            trie_.erase(subscriber.topics.back(), &subscriber);
        return client.refuse(
            request.id, ErrorCode::subscriptionFailed,
            fmt::format("Too many subscriptions: {} at most", options_.maxSubscriptionsPerClient));
    }
    client.acknowledge(request.id);
}

void RouterCore::unsubscribe(ClientSession& client, UnsubscribeMessage request)
{
    auto& subscriber = Subscriber::of(client);
    for (const auto& topic : request.topics)
        if (const auto wrong = checkPattern(topic, options_.topicLimits))
            return client.refuse(request.id, ErrorCode::subscriptionFailed, *wrong);
    for (const auto& topic : request.topics)
        if (trie_.erase(topic, &subscriber)) std::erase(subscriber.topics, topic);
    client.acknowledge(request.id);
}

void RouterCore::publish(ClientSession& client, PublishMessage request)
{
    if (const auto wrong = checkTopic(request.topic, options_.topicLimits))
        return client.refuse(request.id, ErrorCode::publishFailed, *wrong);
    if (isReserved(request.topic))
        return client.refuse(request.id, ErrorCode::publishFailed,
                             "Invalid topic: '$' begins the server's own topics");
    RoutedPublish publish{client.id(), std::move(request.id), std::move(request.topic),
                          std::move(request.data), request.broadcast};
    const bool waits =
        lines_.contains(publish.topic) || (!routes_.empty() && !routes_.matching(publish.topic).empty());
    if (waits)
        waitInLine(client, std::move(publish));
    else
        append(&client, client.publisher(), std::move(publish));
}

void RouterCore::append(ClientSession* client, std::uint64_t publisher, RoutedPublish publish)
{
    Publication publication{server_->newId(),        server_->now(), std::move(publish.topic),
                            std::move(publish.data), publisher,      publish.broadcast};
    if (broker_->tryAppend(publication))
    {
        if (client) client->acknowledge(publish.messageId);
        return;
    }
    if (const auto self = self_.lock())
        strands_.spawn(appendElsewhere(self, client ? client->number() : 0, std::move(publish.messageId),
                                       std::move(publication)));
}

Strand<> RouterCore::appendElsewhere(std::shared_ptr<RouterCore> core, std::uint64_t client,
                                     std::string messageId, Publication publication)
{
    bool failed = false;
    try
    {
        co_await core->broker_->append(std::move(publication));
    }
    catch (const std::exception&)
    {
        failed = true;
    }
    if (failed)
        core->answer(client, messageId, ErrorCode::internalError, "The log is out of reach");
    else if (auto* const session = core->server_->registry().find(client))
        session->acknowledge(messageId);
}

void RouterCore::answer(std::uint64_t client, std::string_view messageId, ErrorCode code,
                        std::string_view text)
{
    if (auto* const session = server_->registry().find(client)) session->refuse(messageId, code, text);
}

void RouterCore::waitInLine(ClientSession& client, RoutedPublish publish)
{
    auto topic = publish.topic;
    const auto messageId = publish.messageId;
    const auto pushed = lines_.push({client.number(), client.publisher(), std::move(publish)});
    if (pushed == TopicLines::Pushed::full)
        return client.refuse(messageId, ErrorCode::publishFailed,
                             "Too many publishes wait for this topic; try again");
    auto& subscriber = Subscriber::of(client);
    if (++subscriber.waitingPublishes >= options_.maxWaitingPublishesPerClient &&
        !std::exchange(subscriber.isPaused, true))
        client.pause();
    const auto self = self_.lock();
    if (pushed == TopicLines::Pushed::started && self) strands_.spawn(workOnLine(self, std::move(topic)));
}

void RouterCore::leaveLine(std::uint64_t number)
{
    if (abandoned_) return;  // what is kept with the client may be another router's by now
    auto* const client = server_->registry().find(number);
    if (!client || !client->data) return;
    auto& subscriber = Subscriber::of(*client);
    --subscriber.waitingPublishes;
    if (std::exchange(subscriber.isPaused, false)) client->resume();
}

void RouterCore::letAllGoOn()
{
    server_->registry().forEach(
        [](ClientSession& client)
        {
            if (client.data && std::exchange(Subscriber::of(client).isPaused, false)) client.resume();
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
    core->leaveLine(waiting.client);
    if (failed || core->abandoned_)
        core->answer(waiting.client, publish.messageId, ErrorCode::internalError,
                     "The publish could not be handled");
    else if (blocked)
        core->answer(waiting.client, publish.messageId, ErrorCode::publishFailed,
                     "The publish was not let through");
    else
        core->append(core->server_->registry().find(waiting.client), waiting.publisher,
                     std::move(waiting.publish));
}

void RouterCore::appended(std::span<const EntryRef> entries)
{
    for (const auto& entry : entries) deliver(*entry);
}

void RouterCore::deliver(const LogEntry& entry)
{
    delivered_ = 0;
    const auto subscribers = trie_.match(entry.topic);
    if (subscribers.empty()) return;
    const auto& frame = eventFrame(entry);
    for (Subscriber* const subscriber : subscribers)
    {
        if (subscriber->client.publisher() == entry.publisher && !entry.broadcast) continue;
        subscriber->client.deliver(frame);
        ++delivered_;
    }
}

bool RouterCore::isWanted(std::string_view topic) const
{
    return !trie_.match(topic).empty();
}

std::vector<std::string> RouterCore::subscriptions(const ClientSession& client) const
{
    return client.data ? Subscriber::of(client).topics : std::vector<std::string>();
}

Strand<> RouterCore::route(std::shared_ptr<RouterCore> core, RouteConfig config)
{
    core->routes_.add({TopicPattern(std::move(config.topic), core->options_.topicLimits),
                       std::move(config.handler), std::move(config.middleware)});
    co_return;
}

Strand<std::size_t> RouterCore::unroute(std::shared_ptr<RouterCore> core, std::string topic)
{
    co_return core->routes_.remove(topic);
}

Strand<PublishReceipt> RouterCore::publish(std::shared_ptr<RouterCore> core, std::string topic,
                                           std::optional<Json> data)
{
    if (auto wrong = checkTopic(topic, core->options_.topicLimits))
        throw Error(Errc::invalidArgument, std::move(*wrong));
    Publication publication{
        core->server_->newId(), core->server_->now(), std::move(topic), std::move(data), 0, false};
    core->delivered_ = 0;
    auto appended = core->broker_->tryAppend(publication);
    const auto delivered = core->delivered_;
    if (!appended) appended = co_await core->broker_->append(std::move(publication));
    co_return PublishReceipt{appended->sequenceNumber, delivered};
}

Strand<std::vector<std::string>> RouterCore::topicSubscribers(std::shared_ptr<RouterCore> core,
                                                              std::string topic)
{
    std::vector<std::string> ids;
    for (const Subscriber* const subscriber : core->trie_.match(topic))
        ids.push_back(subscriber->client.id());
    co_return ids;
}

Strand<std::map<std::string, std::vector<std::string>>>
RouterCore::allSubscriptions(std::shared_ptr<RouterCore> core)
{
    std::map<std::string, std::vector<std::string>> all;
    core->server_->registry().forEach(
        [&](const ClientSession& client)
        {
            if (!client.data) return;
            for (const auto& topic : Subscriber::of(client).topics) all[topic].push_back(client.id());
        });
    co_return all;
}

}  // namespace strandcast
