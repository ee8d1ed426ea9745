// Our client with a server that nobody here wrote.
//   foreign_server URL TOKEN [deflate]         the server is ws_server.mjs

#include <strandcast/strandcast.hpp>

#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace
{

using namespace strandcast;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

void require(bool isSo, std::string_view what)
{
    if (!isSo) throw std::runtime_error(fmt::format("not so: {}", what));
}

struct Peers
{
    asio::io_context& io;
    std::string url;
    std::string token;
    std::optional<DeflateOptions> deflate;

    [[nodiscard]] WSClient client() const
    {
        return {io,
                {.url = url,
                 .token = token,
                 .messageTimeout = 20s,
                 .reconnectInterval = 20ms,
                 .deflate = deflate}};
    }
};

asio::awaitable<EventMessage> nextOf(EventStream<Delivery>& events)
{
    auto delivery = co_await events.next();
    require(delivery && std::holds_alternative<EventMessage>(*delivery), "an event comes");
    co_return std::get<EventMessage>(std::move(*delivery));
}

/// What the server refuses an operation with, or nothing.
asio::awaitable<std::string> refusalOf(asio::awaitable<void> operation)
{
    try
    {
        co_await std::move(operation);
    }
    catch (const RemoteError& refused)
    {
        co_return refused.remoteCode();
    }
    co_return "";
}

asio::awaitable<void> publishTo(WSClient& client, std::string topic)
{
    co_await client.publish(std::move(topic), 1);
}

asio::awaitable<void> eventsOfPatternsComeInOrder(Peers peers)
{
    auto listener = peers.client();
    auto speaker = peers.client();
    co_await listener.connect();
    co_await speaker.connect();
    auto events = co_await listener.subscribe({"in.*.order", "in.#"});
    for (int number = 1; number <= 100; ++number)
        co_await speaker.publish("in.7.order", {{"number", number}});
    for (std::uint64_t number = 1; number <= 100; ++number)
    {
        const auto event = co_await nextOf(events);
        require(event.topic == "in.7.order" && event.sequenceNumber == number, "events keep their order");
        require(event.data->value().at("number").to_number<std::uint64_t>() == number, "and their data");
    }
    co_await listener.disconnect();
    co_await speaker.disconnect();
}

asio::awaitable<void> ownPublishesComeWithBroadcastAlone(Peers peers)
{
    auto client = peers.client();
    co_await client.connect();
    auto events = co_await client.subscribe("own");
    co_await client.publish("own", 1);
    co_await client.publish("own", 2, Broadcast::yes);
    const auto event = co_await nextOf(events);
    require(event.sequenceNumber == 2u && event.data->text() == "2", "broadcast alone comes back");
    co_await client.disconnect();
}

asio::awaitable<void> nothingComesAfterUnsubscribe(Peers peers)
{
    auto client = peers.client();
    co_await client.connect();
    auto events = co_await client.subscribe({"off", "on"});
    co_await client.unsubscribe("off");
    co_await client.publish("off", 1, Broadcast::yes);
    co_await client.publish("on", 1, Broadcast::yes);
    const auto event = co_await nextOf(events);
    require(event.topic == "on", "what was unsubscribed does not come");
    co_await client.disconnect();
}

asio::awaitable<void> aPingGetsItsPong(Peers peers)
{
    auto client = peers.client();
    co_await client.connect();
    const auto pong = co_await client.sendAndWait(PingMessage());
    require(std::holds_alternative<PongMessage>(pong), "the pong of the ping's id");
    co_await client.disconnect();
}

asio::awaitable<void> aWrongTokenIsRefusedInItsWords(Peers peers)
{
    peers.token = "wrong";
    auto client = peers.client();
    const auto code = co_await refusalOf(client.connect());
    require(code == "AUTHENTICATION_FAILED", "the refusal of the token");
    require(!client.isConnected(), "who is refused is not connected");
}

asio::awaitable<void> anErrorFindsItsRequestByItsMessageId(Peers peers)
{
    auto client = peers.client();
    co_await client.connect();
    const auto code = co_await refusalOf(publishTo(client, "no.*"));
    require(code == "PUBLISH_FAILED", "the refusal of the publish");
    co_await client.publish("yes", 1);
    co_await client.disconnect();
}

/// The text of the next error that answers no request that is known.
asio::awaitable<std::string> nextErrorOf(EventStream<Lifecycle>& lifecycle)
{
    while (const auto happened = co_await lifecycle.next())
        if (const auto* const error = std::get_if<ClientError>(&*happened)) co_return error->text;
    co_return "";
}

asio::awaitable<void> anErrorThatNamesNoRequestIsToldAllTheSame(Peers peers)
{
    auto client = peers.client();
    auto lifecycle = client.lifecycle();
    co_await client.connect();
    co_await client.send(PublishMessage{.topic = "mute.it", .data = Json(1)});
    const auto error = co_await nextErrorOf(lifecycle);
    require(error.find("Not here") != std::string::npos, "the error is in the lifecycle");
    co_await client.publish("yes", 1);
    co_await client.disconnect();
}

asio::awaitable<void> aConnectionThatWasCutIsReplacedAndItsTopicsSubscribedAgain(Peers peers)
{
    auto listener = peers.client();
    auto speaker = peers.client();
    co_await listener.connect();
    co_await speaker.connect();
    auto events = co_await listener.subscribe({"cut.*.a", "cut.b"});
    auto lifecycle = listener.lifecycle();
    co_await speaker.publish("cut.others", 0);
    while (const auto happened = co_await lifecycle.next())
        if (std::holds_alternative<Authenticated>(*happened)) break;
    co_await listener.publish("cut.off", 0);  // waits until everything is as it was
    co_await speaker.publish("cut.7.a", 1);
    co_await speaker.publish("cut.b", 2);
    const auto hole = co_await events.next();
    require(hole && *hole == Delivery(Gap{.missed = {}, .reason = Gap::Reason::disconnected}),
            "what may be missing is told first");
    auto next = co_await events.next();
    if (next && std::holds_alternative<Resumed>(*next)) next = co_await events.next();
    require(next && std::get<EventMessage>(*next).topic == "cut.7.a", "a pattern is subscribed again");
    require((co_await nextOf(events)).topic == "cut.b", "and a topic");
    co_await listener.disconnect();
    co_await speaker.disconnect();
}

asio::awaitable<void> reportTheEndOf(TaskChannelClient& tasks, std::string taskId)
{
    co_await tasks.reportCompleted({.taskId = std::move(taskId), .result = Json(1)});
}

asio::awaitable<void> tasksAreReportedAndAwaitedThoughTheServerKnowsNoChannels(Peers peers)
{
    auto listener = peers.client();
    auto speaker = peers.client();
    co_await listener.connect();
    co_await speaker.connect();
    TaskChannelClient heard(listener);
    TaskChannelClient said(speaker);
    auto progress = heard.progress("t1");
    co_await heard.subscribeToTask("t1");
    co_await said.reportProgress({.taskId = "t1", .progress = 50, .status = TaskStatus::inProgress});
    const auto half = co_await progress.next();
    require(half && half->progress == 50, "progress comes");
    const auto end = co_await (heard.waitForCompletion("t1", 20s) && reportTheEndOf(said, "t1"));
    require(end.status == TaskOutcome::completed && end.result == Json(1), "what is awaited comes");
    co_await listener.disconnect();
    co_await speaker.disconnect();
}

asio::awaitable<void> aProposalIsVotedOnThoughTheServerKnowsNoChannels(Peers peers)
{
    auto proposer = peers.client();
    auto voter = peers.client();
    co_await proposer.connect();
    co_await voter.connect();
    SwarmChannelClient proposing(proposer);
    SwarmChannelClient voting(voter);
    auto votes = proposing.consensus("s1");
    auto proposals = voting.consensus("s1");
    co_await proposing.subscribeToSwarm("s1");
    co_await voting.subscribeToSwarm("s1");
    const Json proposal(7);
    co_await proposing.propose("s1", "p1", proposal);
    const auto proposed = co_await proposals.next();
    require(proposed && proposed->proposal == proposal, "the proposal comes");
    co_await voting.submitVote("s1", proposed->proposalId, Vote::yes, "a1");
    const auto vote = co_await votes.next();
    require(vote && vote->votes && vote->votes->at(0).vote == Vote::yes, "and the vote");
    co_await proposer.disconnect();
    co_await voter.disconnect();
}

asio::awaitable<void> whatIsLargeComesAsItWas(Peers peers)
{
    auto client = peers.client();
    co_await client.connect();
    auto events = co_await client.subscribe("large");
    for (int number = 1; number <= 20; ++number)
    {
        std::string text;
        for (int line = 0; line < 200 * (number % 5); ++line)
            text += fmt::format("line {} of {}; ", line, number);
        co_await client.publish("large", text, Broadcast::yes);
        const auto event = co_await nextOf(events);
        require(event.data->value().as_string() == text, "the text");
    }
    co_await client.disconnect();
}

struct Case
{
    std::string_view name;
    asio::awaitable<void> (*run)(Peers peers);
};

constexpr Case cases[] = {
    {"events of patterns come in order", eventsOfPatternsComeInOrder},
    {"own publishes come with broadcast alone", ownPublishesComeWithBroadcastAlone},
    {"nothing comes after unsubscribe", nothingComesAfterUnsubscribe},
    {"what is large comes as it was", whatIsLargeComesAsItWas},
    {"a ping gets its pong", aPingGetsItsPong},
    {"a wrong token is refused in the server's words", aWrongTokenIsRefusedInItsWords},
    {"an error finds its request by its messageId", anErrorFindsItsRequestByItsMessageId},
    {"a connection that was cut is replaced, and its topics subscribed again",
     aConnectionThatWasCutIsReplacedAndItsTopicsSubscribedAgain},
    {"tasks are reported and awaited, though the server knows no channels",
     tasksAreReportedAndAwaitedThoughTheServerKnowsNoChannels},
    {"a proposal is voted on, though the server knows no channels",
     aProposalIsVotedOnThoughTheServerKnowsNoChannels},
    {"an error that names no request is told all the same", anErrorThatNamesNoRequestIsToldAllTheSame},
};

/// Whether the case passed.
bool passes(const Case& one, const std::string& url, const std::string& token,
            const std::optional<DeflateOptions>& deflate)
{
    asio::io_context io;
    std::exception_ptr failure;
    bool ended = false;
    asio::co_spawn(io, one.run({io, url, token, deflate}),
                   [&](std::exception_ptr thrown)
                   {
                       failure = std::move(thrown);
                       ended = true;
                   });
    io.run_for(30s);
    try
    {
        if (failure) std::rethrow_exception(failure);
        if (!ended) throw std::runtime_error("it did not end within 30 s");
    }
    catch (const std::exception& error)
    {
        fmt::print("FAILED: {}: {}\n", one.name, error.what());
        return false;
    }
    fmt::print("ok: {}\n", one.name);
    return true;
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc < 3) return 2;
    std::optional<DeflateOptions> deflate;
    if (argc > 3) deflate = {.minSize = 1, .contextTakeover = true};
    int failed = 0;
    for (const auto& one : cases)
        if (!passes(one, argv[1], argv[2], deflate)) ++failed;
    return failed == 0 ? 0 : 1;
}
