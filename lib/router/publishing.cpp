#include "message/message_id.hpp"
#include "router/router_core.hpp"
#include "topic/segments.hpp"

#include <strandcast/error.hpp>

#include <exception>
#include <utility>

// What is published, by clients and by the server: from the request to the log, and to its ack.

namespace strandcast
{

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
    // What its subscribers are found by is fetched while it is made ready and logged.
    trie_.lookAheadOfMatch(request.topic, ahead_);
    try
    {
        const auto now = server_->now();
        Publication publication{formatMessageId(now, server_->options().random->next()),
                                now,
                                std::move(request.topic),
                                std::move(request.data),
                                origin.publisher,
                                request.broadcast};
        trie_.lookFurther(ahead_);
        if (const auto appended = broker_->tryAppend(publication))
            return client.acknowledge(request.id, appended->sequenceNumber, now);
        ahead_.clear();
        std::vector<Publication> one;
        one.push_back(std::move(publication));
        appendLater(origin, request.id, {}, std::move(one), std::nullopt);
    }
    catch (...)
    {
        // Its text stays here.
        ahead_.clear();
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
        trie_.lookAheadOfMatch(publish.topic, ahead_);
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
        trie_.lookFurther(ahead_);
        const auto all = further.empty() ? std::span<const Publication>(&publication, 1)
                                         : std::span<const Publication>(further);
        if (const auto appended = broker_->tryAppend(all))
        {
            logged(origin, client, messageId, judgement, *appended);
            return tell(std::move(told), *appended);
        }
        ahead_.clear();
        if (further.empty()) further.push_back(std::move(publication));
        appendLater(origin, messageId, std::move(judgement), std::move(further), std::move(told));
    }
    catch (...)
    {
        // Its text stays here.
        ahead_.clear();
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

}  // namespace strandcast
