#include "coro/hop.hpp"
#include "router/router_core.hpp"

#include <utility>
#include <variant>

// Publishes that wait in line for what the routes of their topic have to say.

namespace strandcast
{

Strand<> RouterCore::route(std::shared_ptr<RouterCore> core, RouteConfig config)
{
    core->throwIfAbandoned();
    core->routes_.add({TopicPattern(std::move(config.topic), core->options_.topicLimits),
                       std::move(config.handler), std::move(config.middleware)});
    co_return;
}

Strand<std::size_t> RouterCore::unroute(std::shared_ptr<RouterCore> core, std::string topic)
{
    core->throwIfAbandoned();
    co_return core->routes_.remove(topic);
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

}  // namespace strandcast
