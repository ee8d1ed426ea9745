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

std::string describe(const Message& message)
{
    return fmt::format("'{}' {}", toString(messageType(message)), messageId(message));
}

}  // namespace

Strand<EventStream<Delivery>> ClientCore::subscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    const auto& list = topics.list();
    const auto deadline = core->deadlineAfter(core->options_.messageTimeout);
    // Hears before the server does, so that nothing is missed behind the ack.
    auto stream = core->sinks_.deliveries(patternsOf(list));
    if (list.empty()) stream.close();
    SubscribeMessage message{.topics = list};
    co_await waitForRoom(core, deadline, "subscribe");
    // What is counted has been sent: from here to the wait for the answer nothing suspends.
    for (const auto& topic : list) ++core->subscriptions_[topic];
    std::exception_ptr failure;
    try
    {
        static_cast<void>(co_await exchange(core, std::move(message), deadline));
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

// Gives those topics that nobody wants any more.
std::vector<std::string> ClientCore::takeBack(const std::vector<std::string>& topics)
{
    std::vector<std::string> unwanted;
    for (const auto& topic : topics)
    {
        const auto found = subscriptions_.find(topic);
        if (found == subscriptions_.end() || --found->second > 0) continue;
        subscriptions_.erase(found);
        unwanted.push_back(topic);
    }
    return unwanted;
}

Strand<> ClientCore::unsubscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    static_cast<void>(patternsOf(topics.list()));
    const auto deadline = core->deadlineAfter(core->options_.messageTimeout);
    co_await waitForRoom(core, deadline, "unsubscribe");
    // Taken back in the turn in which it is sent: one that is cancelled before has changed nothing, and one
    // that fails later leaves events too many, and never too few.
    UnsubscribeMessage message{.topics = core->takeBack(topics.list())};
    if (message.topics.empty()) co_return;
    static_cast<void>(co_await exchange(core, std::move(message), deadline));
}

Strand<> ClientCore::subscribeAgain(std::shared_ptr<ClientCore> core)
{
    SubscribeMessage message;
    for (const auto& [topic, count] : core->subscriptions_) message.topics.push_back(topic);
    const auto deadline = core->deadlineAfter(core->options_.messageTimeout);
    if (!message.topics.empty()) static_cast<void>(co_await exchange(core, std::move(message), deadline));
    core->requireConnected();  // it may have been lost again in the turn in which the answer came
    core->wasLost_ = false;
    core->sinks_.pushResumed();
}

Strand<Receipt> ClientCore::publish(std::shared_ptr<ClientCore> core, PublishMessage message)
{
    static_cast<void>(co_await sendAndWait(std::move(core), std::move(message), std::nullopt));
    co_return Receipt();
}

Strand<> ClientCore::send(std::shared_ptr<ClientCore> core, Message message)
{
    co_await waitForRoom(core, Clock::time_point::max(), toString(messageType(message)));
    core->complete(message);
    core->sendNow(message);
}

Strand<Message> ClientCore::sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                        std::optional<std::chrono::milliseconds> timeout)
{
    const auto deadline = core->deadlineAfter(timeout.value_or(core->options_.messageTimeout));
    core->complete(message);
    co_await waitForRoom(core, deadline, toString(messageType(message)));
    co_return co_await exchange(std::move(core), std::move(message), deadline);
}

// Sends what there is room for, and waits for the answer.
Strand<Message> ClientCore::exchange(std::shared_ptr<ClientCore> core, Message message,
                                     Clock::time_point deadline)
{
    core->complete(message);
    PendingReplies::Place place(core->pending_, core->executor_, messageId(message));
    core->sendNow(message);
    auto what = describe(message);
    message = Message();  // a large one need not wait with us
    co_return co_await place.answer(core->shard_->clock(), deadline, std::move(what));
}

// Who got room sends before anybody else looks.
Strand<> ClientCore::waitForRoom(std::shared_ptr<ClientCore> core, Clock::time_point deadline,
                                 std::string_view what)
{
    core->requireConnected();
    if (core->line_.empty() && core->hasRoom()) co_return;
    SendLine::Place place(core->line_, core->executor_);
    auto& clock = core->shard_->clock();
    while (!place.isFirst() || !core->hasRoom())
    {
        if (clock.now() >= deadline)
            throw Error(Errc::timedOut, fmt::format("the server took nothing in time for '{}'", what));
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
    scratch_.clear();
    appendMessage(scratch_, message);
    connection_->send(scratch_);
}

}  // namespace strandcast
