// What passes between the parts of a router on several shards.

#include "router/router_core.hpp"
#include "topic/ahead_in_list.hpp"

#include <utility>

namespace strandcast
{

// One request at a time, because the client is not read meanwhile.
void RouterCore::defer(ClientSession& client, std::variant<SubscribeMessage, UnsubscribeMessage> request)
{
    Subscriber::of(client).deferred =
        std::make_unique<std::variant<SubscribeMessage, UnsubscribeMessage>>(std::move(request));
    client.pause();
}

void RouterCore::forward(ClientSession& client, RoutedPublish publish)
{
    ++Subscriber::of(client).unplacedPublishes;
    countWaiting(client);
    home_->forward(client.number(), client.publisher(), std::move(publish));
}

void RouterCore::takeForwarded(std::vector<ForwardedPublish>& batch)
{
    for (auto& [origin, publish] : batch)
    {
        if (abandoned_)
            refuse(origin, publish.messageId, ErrorCode::internalError, "No router");
        else
            admit(origin, nullptr, std::move(publish));
    }
}

void RouterCore::takeNews(std::vector<NewsFromHome>& batch)
{
    if (abandoned_) return;
    AheadInList ahead(trie_, batch.size(),
                      [&](std::size_t place, Ahead& one) noexcept
                      {
                          if (const auto* const entry = std::get_if<ForwardedEntry>(&batch[place]))
                              trie_.lookAheadOfMatch(entry->entry->topic, one);
                      });
    for (const auto& news : batch)
    {
        auto& found = ahead.next();
        if (const auto* const answer = std::get_if<ForwardedAnswer>(&news))
        {
            take(*answer);
            continue;
        }
        const auto& [entry, counted] = std::get<ForwardedEntry>(news);
        const auto delivered = deliver(entry, found);
        if (counted) counted->fetch_add(delivered, std::memory_order_relaxed);
    }
}

void RouterCore::take(const ForwardedAnswer& answer)
{
    using Kind = ForwardedAnswer::Kind;
    if (answer.kind == Kind::placed)
    {
        if (const auto* const waiting = home_->placed(answer.token)) placed(*waiting);
        return;
    }
    const auto waiting = home_->take(answer.token);
    if (!waiting) return;
    if (auto* const client = server_->registry().find(waiting->client))
    {
        if (answer.kind == Kind::acknowledged)
            client->acknowledge(waiting->messageId, answer.sequenceNumber);
        else
            client->refuse(waiting->messageId, answer.code, answer.text, {}, {answer.retriable});
    }
    if (!waiting->isPlaced) placed(*waiting);
    leaveLine(waiting->client);
}

// What the client asked for after it has waited for this.
void RouterCore::placed(const HomeLink::Waiting& waiting)
{
    auto* const client = server_->registry().find(waiting.client);
    if (!client || !client->data) return;
    auto& subscriber = Subscriber::of(*client);
    subscriber.unplacedPublishes = subscriber.unplacedPublishes - 1U;
    if (subscriber.unplacedPublishes > 0 || !subscriber.deferred) return;
    auto request = std::move(*std::exchange(subscriber.deferred, nullptr));
    if (auto* const subscribed = std::get_if<SubscribeMessage>(&request))
        subscribe(*client, std::move(*subscribed));
    else
        unsubscribe(*client, std::move(std::get<UnsubscribeMessage>(request)));
    client->resume();
}

void RouterCore::unlink()
{
    if (incoming_) incoming_->close();
    if (!home_) return;
    news_->close();
    for (const auto& [token, waiting] : home_->takeAll())
        if (auto* const client = server_->registry().find(waiting.client))
            client->refuse(waiting.messageId, ErrorCode::internalError, "No router");
}

}  // namespace strandcast
