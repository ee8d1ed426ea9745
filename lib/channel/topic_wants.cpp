#include "channel/topic_wants.hpp"

#include "coro/sleep.hpp"

#include <strandcast/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace strandcast
{

namespace
{

// As many as a router with a raised limit takes at ease, and few enough that one refusal costs little.
constexpr std::size_t topicsPerRequest = 200;

// The requests for these: none with too many topics, nor too many bytes.
std::vector<std::vector<std::string>> requestsFor(std::vector<std::string> topics)
{
    std::vector<std::vector<std::string>> requests;
    for (auto& request : inRequests(std::move(topics)))
        for (std::size_t from = 0; from < request.size(); from += topicsPerRequest)
        {
            const auto begin = request.begin() + static_cast<std::ptrdiff_t>(from);
            const auto count = std::min(topicsPerRequest, request.size() - from);
            requests.emplace_back(std::make_move_iterator(begin),
                                  std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(count)));
        }
    return requests;
}

// How long to wait where the same request may succeed later.
std::optional<std::chrono::milliseconds> patienceWith(const RemoteError& refusal)
{
    const bool isForNow =
        refusal.retriable().value_or(errorCodeFrom(refusal.remoteCode()) == ErrorCode::rateLimitExceeded);
    if (!isForNow) return std::nullopt;
    return refusal.retryAfter().value_or(std::chrono::seconds(1));
}

}  // namespace

TopicWait::~TopicWait()
{
    if (want_) want_->waits.erase(this);
}

void TopicWait::finish()
{
    isFinished_ = true;
    changed_.notify();
}

void TopicWait::fail(std::exception_ptr failure)
{
    if (!failure_) failure_ = std::move(failure);
    changed_.notify();
}

Strand<> TopicWait::end(Clock& clock, Clock::time_point deadline, std::string tooLate)
{
    while (!isFinished_)
    {
        if (failure_) std::rethrow_exception(failure_);
        if (clock.now() >= deadline) throw Error(Errc::timedOut, tooLate);
        co_await changed_.waitUntil(clock, deadline);
    }
}

TopicWants::TopicWants(std::shared_ptr<ClientCore> client, std::uint64_t last)
    : client_(std::move(client)),
      options_{.last = last},
      strands_(client_->executor())
{
}

void TopicWants::add(const std::shared_ptr<TopicWants>& self, TopicWait& wait, const std::string& topic)
{
    const bool isFirst = self->wanted_.empty();
    auto& want = self->wanted_[topic];
    if (!want) want = std::make_shared<TopicWant>(TopicWant{topic});
    want->waits.insert(&wait);
    wait.want_ = want;
    if (isFirst) self->strands_.spawn(askInTurn(self));
}

void TopicWants::remove(const std::shared_ptr<TopicWants>& self, TopicWait& wait)
{
    const auto want = std::exchange(wait.want_, nullptr);
    want->waits.erase(&wait);
    if (!want->waits.empty() || !std::exchange(want->isGranted, false)) return;
    self->granted_.erase(self->granted_.find(want->topic));
    giveBack(self, want->topic);
}

Strand<> TopicWants::askInTurn(std::shared_ptr<TopicWants> self)
{
    co_await yieldTurn();
    auto wanted = std::exchange(self->wanted_, {});
    std::vector<std::string> topics;
    for (const auto& [topic, want] : wanted)
        if (!want->waits.empty()) topics.push_back(topic);
    for (const auto& request : requestsFor(std::move(topics)))
    {
        Group group;
        for (const auto& topic : request) group.push_back(wanted[topic]);
        self->strands_.spawn(ask(self, std::move(group)));
    }
}

// One that is refused for now is asked again later; the waits have their deadlines. A server refuses a
// request as a whole: so one that is refused is asked again in halves, until only those waits fail whose
// topics are meant.
Strand<> TopicWants::ask(std::shared_ptr<TopicWants> self, Group group)
{
    std::vector<std::string> topics;
    for (const auto& want : group) topics.push_back(want->topic);
    std::exception_ptr failure;
    bool isRefused = false;
    std::optional<std::chrono::milliseconds> wait;
    try
    {
        static_cast<void>(co_await ClientCore::subscribe(self->client_, std::move(topics), self->options_));
    }
    catch (const RemoteError& refusal)
    {
        failure = std::current_exception();
        isRefused = true;
        wait = patienceWith(refusal);
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (wait)
    {
        co_await sleepFor(*self->client_->options().clock, *wait);
        std::erase_if(group, [](const auto& want) { return want->waits.empty(); });
        if (!group.empty()) self->strands_.spawn(ask(self, std::move(group)));
        co_return;
    }
    if (isRefused && group.size() > 1) co_return askInHalves(self, std::move(group));
    for (const auto& want : group)
    {
        if (failure)
            for (auto* const one : want->waits) one->fail(failure);
        else if (want->waits.empty())
            giveBack(self, want->topic);  // nobody waits any more
        else
            grant(*self, *want);
    }
}

void TopicWants::grant(TopicWants& self, TopicWant& want)
{
    want.isGranted = true;
    self.granted_.insert(want.topic);
}

void TopicWants::renew(const std::shared_ptr<TopicWants>& self)
{
    std::vector<std::string> topics;
    std::unique_copy(self->granted_.begin(), self->granted_.end(), std::back_inserter(topics));
    for (auto& request : requestsFor(std::move(topics)))
        self->strands_.spawn(askAgain(self, std::move(request)));
}

// The client counts who wants a topic: what is asked for once more is given back once.
Strand<> TopicWants::askAgain(std::shared_ptr<TopicWants> self, std::vector<std::string> topics)
{
    try
    {
        static_cast<void>(co_await ClientCore::subscribe(self->client_, topics, self->options_));
    }
    catch (const Error&)
    {
        co_return;  // what is new comes all the same, or the next connection is asked
    }
    for (auto& topic : topics) giveBack(self, std::move(topic));
}

void TopicWants::askInHalves(const std::shared_ptr<TopicWants>& self, Group group)
{
    std::erase_if(group, [](const auto& want) { return want->waits.empty(); });
    const auto half = group.begin() + static_cast<std::ptrdiff_t>(group.size() / 2);
    Group first(group.begin(), half);
    Group second(half, group.end());
    if (!first.empty()) self->strands_.spawn(ask(self, std::move(first)));
    if (!second.empty()) self->strands_.spawn(ask(self, std::move(second)));
}

void TopicWants::giveBack(const std::shared_ptr<TopicWants>& self, std::string topic)
{
    self->unwanted_.push_back(std::move(topic));
    if (std::exchange(self->isGivingBack_, true)) return;
    self->strands_.spawn(giveBackAll(self));
}

// What nobody wants any more gathers while the answer to the last request is on its way.
Strand<> TopicWants::giveBackAll(std::shared_ptr<TopicWants> self)
{
    co_await yieldTurn();
    while (!self->unwanted_.empty())
    {
        auto requests = requestsFor(std::exchange(self->unwanted_, {}));
        for (auto& topics : requests) co_await giveBackNow(*self, std::move(topics));
    }
    self->isGivingBack_ = false;
}

Strand<> TopicWants::giveBackNow(TopicWants& self, std::vector<std::string> topics)
{
    try
    {
        co_await ClientCore::unsubscribe(self.client_, std::move(topics));
    }
    catch (const Error&)
    {
        // The connection has gone, and the subscriptions with it; or the server keeps what nobody reads.
    }
}

}  // namespace strandcast
