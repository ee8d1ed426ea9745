// What clients may subscribe to and publish on.

#include "coro/hop.hpp"
#include "message/envelope.hpp"
#include "router/router_core.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace strandcast
{

namespace
{

std::vector<std::string> eachOnce(const std::vector<std::string>& topics)
{
    std::vector<std::string> once;
    std::unordered_set<std::string_view> seen;
    for (const auto& topic : topics)
        if (seen.insert(topic).second) once.push_back(topic);
    return once;
}

}  // namespace

// The client is not read meanwhile, so that its requests take effect in their order.
void RouterCore::askFor(ClientSession& client, AuthorizedRequest request)
{
    auto& subscriber = Subscriber::of(client);
    std::vector<std::string> topics;
    auto action = Action::subscribe;
    if (const auto* const subscribed = std::get_if<SubscribeMessage>(&request))
    {
        topics = eachOnce(subscribed->topics);
    }
    else if (const auto* const published = std::get_if<PublishMessage>(&request))
    {
        action = Action::publish;
        topics.push_back(published->topic);
    }
    else
    {
        topics = subscriber.topics;
    }
    const auto self = self_.lock();
    if (!self) return;
    if (!subscriber.asking) subscriber.asking = std::make_unique<TaskGroup>(executor_);
    client.pause();
    subscriber.asking->spawn(
        ask(self, client.number(), client.info(), action, std::move(topics), std::move(request)));
}

Strand<> RouterCore::ask(std::shared_ptr<RouterCore> core, std::uint64_t number, ClientInfo info,
                         Action action, std::vector<std::string> topics, AuthorizedRequest request)
{
    std::vector<std::string> refused;
    for (auto& topic : topics)
    {
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) break;
        bool isAllowed = false;
        try
        {
            if (const auto hook = core->server_->authorizeHook())
                isAllowed = co_await callHook(core->executor_, (*hook)(info, action, topic));
        }
        catch (...)
        {
            // A hook that throws refuses, and its text stays here.
        }
        if (!isAllowed) refused.push_back(std::move(topic));
    }
    auto* const client = core->server_->registry().find(number);
    if (!client) co_return;
    try
    {
        core->answered(*client, std::move(request), refused);
    }
    catch (const std::exception&)
    {
        // Out of memory, as it must be.
        client->close({CloseCode::internalError, "Internal error"});
    }
    client->resume();
}

void RouterCore::answered(ClientSession& client, AuthorizedRequest request,
                          const std::vector<std::string>& refused)
{
    const auto* const subscribed = std::get_if<SubscribeMessage>(&request);
    const auto* const published = std::get_if<PublishMessage>(&request);
    const auto id = subscribed ? subscribed->id : published ? published->id : std::string();
    if (abandoned_)
    {
        if (!id.empty()) client.refuse(id, ErrorCode::internalError, "No router");
        return;
    }
    if (!client.data) return;  // it has gone
    if (!refused.empty())
    {
        // Not an answer where there was no request: what was allowed once is so no longer.
        if (id.empty()) leave(client, refused);
        return client.refuse(id, ErrorCode::authorizationFailed, "Not authorized", topicsDetails(refused));
    }
    if (subscribed) return subscribeTo(client, std::move(std::get<SubscribeMessage>(request)));
    if (published) return publishOn(client, std::move(std::get<PublishMessage>(request)));
}

void RouterCore::reauthenticated(ClientSession& client)
{
    if (server_->authorizes() && !Subscriber::of(client).topics.empty()) askFor(client, Reauthenticated());
}

}  // namespace strandcast
