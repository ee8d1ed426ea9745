#include "client/client_core.hpp"
#include "message/envelope.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <utility>

// What an application asks of a server, and how the answers find their question.

namespace strandcast
{

namespace
{

// Requests wait for room when more than this has not left for the server.
constexpr std::size_t maxUnsentBytes = 1024 * 1024;

// What topics may be is the server's to say; this only keeps nonsense off the wire.
constexpr TopicLimits anyTopic{.maxBytes = 64 * 1024, .maxSegments = 4 * 1024};

std::vector<TopicPattern> patternsOf(const std::vector<std::string>& topics)
{
    std::vector<TopicPattern> patterns;
    for (const auto& topic : topics) patterns.emplace_back(topic, anyTopic);
    return patterns;
}

}  // namespace

Strand<EventStream<Delivery>> ClientCore::subscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    const auto& list = topics.list();
    // Hears before the server does, so that nothing is missed behind the ack.
    auto stream = core->sinks_.deliveries(patternsOf(list));
    if (list.empty()) stream.close();
    for (const auto& topic : list) ++core->subscriptions_[topic].count;
    std::exception_ptr failure;
    try
    {
        static_cast<void>(co_await sendAndWait(core, SubscribeMessage{.topics = list}, std::nullopt));
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (!failure) co_return stream;
    core->release(list);
    std::rethrow_exception(failure);
}

// After a subscribe() that did not end well. The server may have taken it all the same.
void ClientCore::release(const std::vector<std::string>& topics)
{
    auto unwanted = takeBack(topics);
    if (unwanted.empty() || state_ != State::connected) return;
    Message message = UnsubscribeMessage{.topics = std::move(unwanted)};
    complete(message);
    sendNow(message);
}

// Gives those topics that nobody wants any more and that the server may know.
std::vector<std::string> ClientCore::takeBack(const std::vector<std::string>& topics)
{
    std::vector<std::string> unwanted;
    for (const auto& topic : topics)
    {
        const auto found = subscriptions_.find(topic);
        if (found == subscriptions_.end() || --found->second.count > 0) continue;
        if (found->second.onServer) unwanted.push_back(topic);
        subscriptions_.erase(found);
    }
    return unwanted;
}

Strand<> ClientCore::unsubscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    static_cast<void>(patternsOf(topics.list()));
    core->requireConnected();
    auto unwanted = core->takeBack(topics.list());
    if (unwanted.empty()) co_return;
    static_cast<void>(
        co_await sendAndWait(core, UnsubscribeMessage{.topics = std::move(unwanted)}, std::nullopt));
}

Strand<> ClientCore::subscribeAgain(std::shared_ptr<ClientCore> core)
{
    SubscribeMessage message;
    for (const auto& [topic, subscription] : core->subscriptions_) message.topics.push_back(topic);
    if (!message.topics.empty())
        static_cast<void>(co_await sendAndWait(core, std::move(message), std::nullopt));
    core->requireConnected();  // it may have been lost again in the turn in which the answer came
    core->wasLost_ = false;
    core->sinks_.pushToAll(Resumed());
}

Strand<Receipt> ClientCore::publish(std::shared_ptr<ClientCore> core, PublishMessage message)
{
    static_cast<void>(co_await sendAndWait(std::move(core), std::move(message), std::nullopt));
    co_return Receipt();
}

Strand<> ClientCore::send(std::shared_ptr<ClientCore> core, Message message)
{
    co_await waitForRoom(core, Clock::time_point::max());
    core->complete(message);
    core->sendNow(message);
}

Strand<Message> ClientCore::sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                        std::optional<std::chrono::milliseconds> timeout)
{
    const auto deadline = core->deadlineAfter(timeout.value_or(core->options_.messageTimeout));
    core->complete(message);
    auto what = fmt::format("'{}' {}", toString(messageType(message)), messageId(message));
    PendingReplies::Place place(core->pending_, core->executor_, messageId(message));
    const bool hasRoom = co_await waitForRoom(core, deadline);
    if (!hasRoom) throw Error(Errc::timedOut, "the server took nothing in time for " + what);
    core->sendNow(message);
    message = Message();  // a large one need not wait with us
    co_return co_await place.answer(core->shard_->clock(), deadline, std::move(what));
}

// False where there was none until the deadline. Who got room sends before anybody else looks.
Strand<bool> ClientCore::waitForRoom(std::shared_ptr<ClientCore> core, Clock::time_point deadline)
{
    core->requireConnected();
    if (core->line_.empty() && core->hasRoom()) co_return true;
    SendLine::Place place(core->line_, core->executor_);
    auto& clock = core->shard_->clock();
    for (;;)
    {
        if (place.isFirst() && core->hasRoom()) co_return true;
        if (clock.now() >= deadline) co_return false;
        co_await place.wait(clock, deadline);
        core->requireConnected();
    }
}

bool ClientCore::hasRoom() const
{
    return connection_->outbox().answersLeft() <= maxUnsentBytes;
}

void ClientCore::onSent()
{
    if (!line_.empty() && connection_ && hasRoom()) line_.wakeFirst();
}

void ClientCore::sendNow(const Message& message)
{
    if (!connection_) return;
    if (const auto* const subscribe = std::get_if<SubscribeMessage>(&message))
        for (const auto& topic : subscribe->topics)
            if (const auto found = subscriptions_.find(topic); found != subscriptions_.end())
                found->second.onServer = true;
    scratch_.clear();
    appendMessage(scratch_, message);
    connection_->send(scratch_);
}

}  // namespace strandcast
