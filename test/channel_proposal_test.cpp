#include "support/fake_clock.hpp"
#include "support/outcome.hpp"
#include "support/served.hpp"

#include <strandcast/error.hpp>
#include <strandcast/swarm_server.hpp>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

std::string publish(std::string_view id, std::string_view topic, std::string_view data)
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":{})", topic, data));
}

std::string vote(std::string_view id, std::string_view agent, std::string_view choice)
{
    return publish(
        id, "swarm.s.consensus",
        fmt::format(
            R"({{"swarmId":"s","proposalId":"p","type":"voting","votes":[{{"agentId":"{}","vote":"{}"}}],"timestamp":1}})",
            agent, choice));
}

std::string step(std::string_view id, std::string_view type, std::string_view more = "")
{
    return publish(
        id, "swarm.s.consensus",
        fmt::format(R"({{"swarmId":"s","proposalId":"p","type":"{}","timestamp":1{}}})", type, more));
}

std::string choice(std::string_view id, std::string_view agent, std::string_view option, double confidence)
{
    return publish(
        id, "swarm.s.decision",
        fmt::format(
            R"({{"swarmId":"s","decisionId":"d","votes":[{{"agentId":"{}","option":"{}","confidence":{}}}],"timestamp":1}})",
            agent, option, confidence));
}

/// `proposed`, `voting yes 1 no 0 abstain 0`, `accepted …`: what a watcher sees of the server's own steps;
/// and `vote a`, of a client's.
std::string stepOf(const boost::json::object& event, std::string_view topic)
{
    CHECK(event.at("topic") == boost::json::string_view(topic));
    const auto& data = event.at("data").as_object();
    const std::string type(data.at("type").as_string());
    if (!data.contains("result"))
        return type == "voting" ? "vote " + std::string(data.at("votes").at(0).at("agentId").as_string())
                                : type;
    const auto& result = data.at("result").as_object();
    const auto count = [&](const char* name) { return result.at(name).to_number<int>(); };
    const auto cast = count("votesFor") + count("votesAgainst") + count("abstentions");
    CHECK(data.at("votes").as_array().size() == static_cast<std::size_t>(cast));
    if (type != "voting") CHECK(result.at("accepted").as_bool() == (type == "accepted"));
    return fmt::format("{} {}:{}:{}", type, count("votesFor"), count("votesAgainst"), count("abstentions"));
}

Ballot ballotOf(const Clock& clock, std::vector<std::string> electorate)
{
    return {.electorate = std::move(electorate),
            .deadline = std::chrono::floor<std::chrono::milliseconds>(clock.systemNow()) + 60s};
}

template <typename Result>
asio::awaitable<void> keep(asio::awaitable<Result> operation, std::shared_ptr<std::optional<Result>> result)
{
    *result = co_await std::move(operation);
}

/// A ballot that is open beside the test.
struct Conducted
{
    std::shared_ptr<std::optional<ConsensusResult>> result =
        std::make_shared<std::optional<ConsensusResult>>();
    Beside running;

    Conducted(Served& served, SwarmChannelServer& swarms, Ballot ballot)
        : running(served.io.get_executor(),
                  keep(swarms.openProposal("s", "p", Json{{"action", "x"}}, std::move(ballot)), result))
    {
    }
};

asio::awaitable<RawPeer> watcher(Served& served, std::string_view topics)
{
    auto peer = co_await served.peer();
    CHECK(brief(co_await peer.ask(request("subscribe", "s", fmt::format(R"("topics":{})", topics)))) ==
          "ack s");
    co_return peer;
}

void withSwarms(const std::function<asio::awaitable<void>(Served&, SwarmChannelServer&, FakeClock&)>& body,
                std::size_t clientBallots = 0)
{
    FakeClock clock;
    withRouter({},
               [&](Served& served) -> asio::awaitable<void>
               {
                   SwarmChannelServer swarms(*served.router,
                                             {.maxClientBallots = clientBallots, .clock = &clock});
                   co_await body(served, swarms, clock);
               });
}

}  // namespace

TEST_CASE("a proposal is announced, its tally told as it moves, and closed when its outcome is certain")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto watching = co_await watcher(served, R"(["swarm.s.consensus"])");
            auto all = co_await watcher(served, R"(["swarm.consensus"])");
            auto voter = co_await served.peer();
            Conducted conducted(served, swarms, ballotOf(clock, {"a", "b", "c", "d", "e"}));
            const auto proposed = co_await watching.message();
            CHECK(stepOf(proposed, "swarm.s.consensus") == "proposed");
            CHECK(boost::json::serialize(proposed.at("data").at("proposal")) == R"({"action":"x"})");
            CHECK(proposed.at("data").at("ballot").at("electorate").as_array().size() == 5);
            const std::vector<std::pair<std::string, std::string>> votes{
                {"a", "no"}, {"b", "yes"}, {"a", "yes"}, {"e", "abstain"}, {"c", "yes"}};
            const std::vector<std::string> tallies{"voting 0:1:0", "voting 1:1:0", "voting 2:0:0",
                                                   "voting 2:0:1", "voting 3:0:1"};
            for (std::size_t at = 0; at < votes.size(); ++at)
            {
                CHECK(brief(co_await voter.ask(vote("v", votes[at].first, votes[at].second))) == "ack v");
                CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "vote " + votes[at].first);
                CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == tallies[at]);
            }
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "accepted 3:0:1");
            CHECK((co_await conducted.running.ended()).went());
            CHECK(*conducted.result == ConsensusResult{true, 3, 0, 1});
            // The channel's topic has it all as well.
            std::vector<std::string> told;
            for (int count = 0; count < 12; ++count)
                told.push_back(stepOf(co_await all.message(), "swarm.consensus"));
            CHECK(told.front() == "proposed");
            CHECK(told.back() == "accepted 3:0:1");
        });
}

TEST_CASE("at the deadline a missing vote is a no")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto watching = co_await watcher(served, R"(["swarm.s.consensus"])");
            auto voter = co_await served.peer();
            Conducted conducted(served, swarms, ballotOf(clock, {"a", "b", "c"}));
            co_await watching.message();
            CHECK(brief(co_await voter.ask(vote("v", "a", "yes"))) == "ack v");
            co_await watching.message();
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "voting 1:0:0");
            clock.advance(59s);
            co_await turnsOfLoop(20);
            CHECK_FALSE(conducted.running.hasEnded());
            clock.advance(1s);
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "rejected 1:0:0");
            CHECK((co_await conducted.running.ended()).went());
            CHECK(*conducted.result == ConsensusResult{false, 1, 0, 0});
        });
}

TEST_CASE("a proposal of the server's is nobody else's, while it is open and behind that")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto client = co_await served.peer();
            // Before, it is nobody's, and passes as the seed's did.
            CHECK(brief(co_await client.ask(step("x", "accepted"))) == "ack x");
            Conducted conducted(served, swarms, ballotOf(clock, {"a"}));
            co_await turnsOfLoop(5);
            const std::string result =
                R"(,"result":{"accepted":true,"votesFor":1,"votesAgainst":0,"abstentions":0})";
            const auto refusals = [&](std::string_view text) -> asio::awaitable<void>
            {
                const std::vector<std::string> attempts{
                    step("x", "accepted"),
                    step("x", "rejected", result),
                    step("x", "proposed"),
                    step("x", "voting", result),
                    step("x", "voting",
                         R"(,"votes":[{"agentId":"a","vote":"yes"},{"agentId":"a","vote":"no"}])"),
                    publish("x", "swarm.consensus",
                            R"({"swarmId":"s","proposalId":"p","type":"accepted","timestamp":1})")};
                for (const auto& attempt : attempts)
                {
                    CAPTURE(attempt);
                    const auto refused = co_await client.ask(attempt);
                    CHECK(brief(refused) == "error x PUBLISH_FAILED");
                    const std::string message(refused.at("message").as_string());
                    CHECK_MESSAGE(message.find(text) != std::string::npos, message);
                }
            };
            co_await refusals("is the server's");
            const auto outside = co_await client.ask(vote("x", "z", "yes"));
            CHECK(brief(outside) == "error x PUBLISH_FAILED");
            CHECK(outside.at("message") == "Agent 'z' is not in the electorate of proposal 'p'");
            CHECK(brief(co_await client.ask(vote("v", "a", "yes"))) == "ack v");
            CHECK((co_await conducted.running.ended()).went());
            CHECK(*conducted.result == ConsensusResult{true, 1, 0, 0});
            co_await refusals("The ballot on proposal 'p' is closed");
            CHECK(brief(co_await client.ask(vote("x", "a", "no"))) == "error x PUBLISH_FAILED");
            // Others go on as they did.
            CHECK(brief(co_await client.ask(publish(
                      "y", "swarm.s.consensus",
                      R"({"swarmId":"s","proposalId":"q","type":"accepted","timestamp":1})"))) == "ack y");
        });
}

TEST_CASE("a proposal that cannot be opened is an error that says why, and nobody hears of it")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto watching = co_await watcher(served, R"(["swarm.#"])");
            Conducted conducted(served, swarms, ballotOf(clock, {"a"}));
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "proposed");
            CHECK(stepOf(co_await watching.message(), "swarm.consensus") == "proposed");
            const auto refused = [&](std::string swarm, std::string id,
                                     Ballot ballot) -> asio::awaitable<std::string>
            {
                try
                {
                    co_await swarms.openProposal(std::move(swarm), std::move(id), Json(1), std::move(ballot));
                }
                catch (const Error& error)
                {
                    CHECK(error.errc() == Errc::invalidArgument);
                    co_return error.what();
                }
                co_return "opened";
            };
            CHECK(co_await refused("s", "p", ballotOf(clock, {"a"})) ==
                  "proposal 'p' of swarm 's' was opened before");
            CHECK(co_await refused("s", "", ballotOf(clock, {"a"})) == "proposalId: an id must not be empty");
            CHECK(co_await refused("a.b", "p", ballotOf(clock, {"a"})) != "opened");
            CHECK(co_await refused("s", "q", ballotOf(clock, {"a", "a"})) ==
                  "ballot.electorate: expected each agent once, found 'a' twice");
            CHECK(co_await refused("s", "q", {.deadline = {}}) != "opened");
            CHECK(brief(co_await watching.ask(request("ping", "n"))) == "pong n");
        });
}

TEST_CASE("a ballot that is cancelled is withdrawn: rejected, whatever was voted")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto watching = co_await watcher(served, R"(["swarm.s.consensus"])");
            Conducted conducted(served, swarms, {.deadline = ballotOf(clock, {}).deadline});
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "proposed");
            auto voter = co_await served.peer();
            CHECK(brief(co_await voter.ask(vote("v", "a", "yes"))) == "ack v");
            co_await watching.message();
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "voting 1:0:0");
            conducted.running.cancel();
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "rejected 1:0:0");
            CHECK((co_await conducted.running.ended()).errc == Errc::cancelled);
            CHECK(clock.armed() == 0);
        });
}

TEST_CASE("a ballot ends with its channel server, and with its router, and decides nothing")
{
    for (const bool isRouterFirst : {false, true})
    {
        FakeClock clock;
        withRouter({},
                   [&](Served& served) -> asio::awaitable<void>
                   {
                       std::optional<SwarmChannelServer> swarms;
                       swarms.emplace(*served.router, ChannelServerOptions{.clock = &clock});
                       Conducted conducted(served, *swarms, ballotOf(clock, {"a"}));
                       co_await turnsOfLoop(5);
                       if (isRouterFirst)
                           served.router.reset();
                       else
                           swarms.reset();
                       CHECK((co_await conducted.running.ended()).errc == Errc::cancelled);
                       CHECK(clock.armed() == 0);
                   });
    }
}

TEST_CASE(
    "a client's ballot is counted as the server's own where it may, and is an event as any other where not")
{
    const auto open = [](const FakeClock& clock, std::string_view more = "")
    {
        const auto deadline = ballotOf(clock, {}).deadline.time_since_epoch().count();
        return step("o", "proposed",
                    fmt::format(R"(,"ballot":{{"size":1,"deadline":{}{}}})", deadline, more));
    };
    withSwarms(
        [&](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            static_cast<void>(swarms);
            auto watching = co_await watcher(served, R"(["swarm.s.consensus"])");
            auto client = co_await served.peer();
            CHECK(brief(co_await client.ask(open(clock, R"(,"electorate":[])"))) == "error o PUBLISH_FAILED");
            CHECK(brief(co_await client.ask(open(clock))) == "ack o");
            CHECK(brief(co_await client.ask(open(clock))) == "error o PUBLISH_FAILED");
            // One at a time, says the option.
            const auto deadline = ballotOf(clock, {}).deadline.time_since_epoch().count();
            const auto tooMany = co_await client.ask(publish(
                "x", "swarm.t.consensus",
                fmt::format(
                    R"({{"swarmId":"t","proposalId":"p","type":"proposed","timestamp":1,"ballot":{{"deadline":{}}}}})",
                    deadline)));
            CHECK(tooMany.at("message") == "Too many ballots of clients are open: 1 at most");
            CHECK(brief(co_await client.ask(step("x", "accepted"))) == "error x PUBLISH_FAILED");
            CHECK(brief(co_await client.ask(vote("v", "a", "yes"))) == "ack v");
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "proposed");
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "vote a");
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "voting 1:0:0");
            CHECK(stepOf(co_await watching.message(), "swarm.s.consensus") == "accepted 1:0:0");
        },
        1);
    withSwarms(
        [&](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            static_cast<void>(swarms);
            auto client = co_await served.peer();
            CHECK(brief(co_await client.ask(open(clock))) == "ack o");
            CHECK(brief(co_await client.ask(step("x", "accepted"))) == "ack x");
            CHECK(clock.armed() == 0);
        });
}

TEST_CASE("a decision is opened, told as it moves, and ends with the weighted winner")
{
    withSwarms(
        [](Served& served, SwarmChannelServer& swarms, FakeClock& clock) -> asio::awaitable<void>
        {
            auto watching = co_await watcher(served, R"(["swarm.s.decision"])");
            auto voter = co_await served.peer();
            const auto result = std::make_shared<std::optional<DecisionResult>>();
            Beside running(
                served.io.get_executor(),
                keep(swarms.openDecision("s", "d", "where?", {"x", "y"}, ballotOf(clock, {"a", "b", "c"})),
                     result));
            const auto opened = co_await watching.message();
            CHECK(opened.at("data").at("question") == "where?");
            CHECK(opened.at("data").at("options").as_array().size() == 2);
            CHECK(brief(co_await voter.ask(choice("v", "z", "x", 1))) == "error v PUBLISH_FAILED");
            CHECK(brief(co_await voter.ask(choice("v", "a", "x", 0.5))) == "ack v");
            co_await watching.message();
            CHECK((co_await watching.message()).at("data").at("votes").as_array().size() == 1);
            CHECK(brief(co_await voter.ask(choice("v", "b", "y", 1))) == "ack v");
            co_await watching.message();
            CHECK((co_await watching.message()).at("data").at("votes").as_array().size() == 2);
            CHECK_FALSE(running.hasEnded());
            CHECK(brief(co_await voter.ask(choice("v", "c", "y", 0.5))) == "ack v");
            co_await watching.message();
            CHECK((co_await watching.message()).at("data").at("votes").as_array().size() == 3);
            const auto ending = co_await watching.message();
            CHECK(ending.at("data").at("result").at("selectedOption") == "y");
            CHECK(ending.at("data").at("result").at("confidence").to_number<double>() == 0.75);
            CHECK((co_await running.ended()).went());
            CHECK(*result == DecisionResult{"y", 0.75});
        });
}
