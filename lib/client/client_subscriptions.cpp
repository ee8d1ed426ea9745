#include "client/client_core.hpp"
#include "client/patterns.hpp"
#include "coro/deadline.hpp"
#include "coro/sleep.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

// What a client listens to, and how it is asked for again after a reconnect.

namespace strandcast
{

namespace
{

// Between repetitions of what a server refuses for the moment.
constexpr BackoffLimits untilServerIsWilling{.initial = std::chrono::seconds(1),
                                             .max = std::chrono::seconds(30)};

enum class Grant : std::uint8_t
{
    given,
    refused,
    notNow,
};

Grant grantOf(const RemoteError& refusal)
{
    if (refusal.retriable()) return *refusal.retriable() ? Grant::notNow : Grant::refused;
    const auto code = errorCodeFrom(refusal.remoteCode());
    return code == ErrorCode::rateLimitExceeded || code == ErrorCode::internalError ? Grant::notNow
                                                                                    : Grant::refused;
}

}  // namespace

Strand<EventStream<Delivery>> ClientCore::subscribe(std::shared_ptr<ClientCore> core, Topics topics,
                                                    SubscribeOptions options)
{
    if (options.last == 0U) throw Error(Errc::invalidArgument, "last: expected at least 1, found 0");
    const auto& list = topics.list();
    const auto patterns = patternsOf(list);
    auto request = core->requestFor(SubscribeMessage{.topics = list, .last = options.last});
    EventStream<Delivery> stream;
    // Hears before the server does, so that nothing is missed behind the ack. What is replayed comes by the
    // name of the request.
    request.beforeSend = [&stream, &patterns,
                          replay = options.last ? messageId(request.message) : std::string(),
                          core = core.get()]
    {
        const bool isReplayed = core->version_ == ProtocolVersion::v1_1;
        stream = core->sinks_.deliveries(patterns, isReplayed ? replay : std::string());
    };
    co_await awaitTurn(core, request);
    // What is counted is sent: from here to the wait for the answer nothing suspends.
    core->subscriptions_.add(list);
    std::exception_ptr failure;
    try
    {
        static_cast<void>(co_await exchange(core, request));
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (failure)
    {
        core->release(list);
        std::rethrow_exception(failure);
    }
    core->subscriptions_.grant(list);
    if (list.empty()) stream.close();
    co_return stream;
}

// Taken back in the turn in which it is sent: one that is cancelled before has changed nothing, and one that
// fails later leaves events too many, and never too few.
Strand<> ClientCore::unsubscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    static_cast<void>(patternsOf(topics.list()));
    auto request = core->requestFor(UnsubscribeMessage());
    co_await awaitTurn(core, request);
    auto unwanted = core->subscriptions_.takeBack(topics.list());
    if (unwanted.empty()) co_return;
    std::get<UnsubscribeMessage>(request.message).topics = std::move(unwanted);
    static_cast<void>(co_await exchange(core, request));
}

// After a subscribe() that did not end well. The server may have taken it all the same.
void ClientCore::release(const std::vector<std::string>& topics)
{
    auto unwanted = subscriptions_.takeBack(topics);
    if (unwanted.empty() || !isReady()) return;  // another connection is never told of them
    const bool isTold = !unwanted_.empty();
    unwanted_.insert(unwanted.begin(), unwanted.end());
    if (!isTold) attendants_.spawn(tellUnwanted(shared_from_this()));
}

Strand<> ClientCore::tellUnwanted(std::shared_ptr<ClientCore> core)
{
    auto request = core->requestFor(UnsubscribeMessage());
    request.deadline = Clock::time_point::max();
    try
    {
        co_await awaitTurn(core, request);
    }
    catch (const Error&)
    {
        co_return;  // there is nobody left to tell
    }
    auto& topics = std::get<UnsubscribeMessage>(request.message).topics;
    for (const auto& topic : std::exchange(core->unwanted_, {}))
        if (!core->subscriptions_.contains(topic)) topics.push_back(topic);
    if (!topics.empty()) core->sendNow(request.message);
}

Strand<> ClientCore::restoreSubscriptions(std::shared_ptr<ClientCore> core)
{
    if (!core->life_->isEstablished) co_return;
    try
    {
        const auto refused = co_await subscribeAgain(core);
        if (core->connection_ && !core->connection_->isClosing()) core->sinks_.pushResumed(refused);
    }
    catch (const Error& error)
    {
        // A server that does not answer is replaced.
        core->report(error.errc(), error.what());
        if (core->connection_) core->connection_->close({CloseCode::normal, {}});
    }
}

// Gives those that the server does not grant any more. It refuses a request as a whole: so one that is
// refused is asked again in halves, until it is known which topics are meant.
Strand<std::set<std::string>> ClientCore::subscribeAgain(std::shared_ptr<ClientCore> core)
{
    std::set<std::string> refused;
    Backoff backoff(untilServerIsWilling, core->shard_->random());
    auto inLine = inRequests(core->subscriptions_.granted());
    std::deque<std::vector<std::string>> requests(inLine.begin(), inLine.end());
    while (!requests.empty())
    {
        auto topics = std::move(requests.front());
        requests.pop_front();
        auto request = core->requestFor(SubscribeMessage{.topics = topics});
        auto grant = Grant::given;
        std::string why;
        std::chrono::milliseconds notBefore{0};
        try
        {
            const auto answer = co_await ask(core, request);
            if (!answer) co_return refused;  // the connection has gone
        }
        catch (const RemoteError& refusal)
        {
            grant = grantOf(refusal);
            why = refusal.what();
            notBefore = refusal.retryAfter().value_or(std::chrono::milliseconds(0));
        }
        if (grant == Grant::notNow)
        {
            requests.push_front(std::move(topics));
            co_await sleepFor(core->clock(), std::max(boundedInterval(notBefore), *backoff.next()));
        }
        else if (grant == Grant::refused && topics.size() > 1)
        {
            const auto half = topics.begin() + static_cast<std::ptrdiff_t>(topics.size() / 2);
            requests.emplace_front(half, topics.end());
            requests.emplace_front(topics.begin(), half);
        }
        else if (grant == Grant::refused)
        {
            core->report(Errc::refused, fmt::format("not subscribed to '{}' again: {}", topics.front(), why));
            refused.insert(std::move(topics.front()));
        }
    }
    co_return refused;
}

}  // namespace strandcast
