// The swarm channel: three agents vote on a proposal, the server counts, and whoever waits for the consensus
// gets it.
//
// Try it:  build/examples/swarm_channel

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/experimental/awaitable_operators.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

namespace sc = strandcast;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

constexpr int agents = 3;

//! [vote]
/// An agent, which votes on the first proposal that it hears of.
asio::awaitable<void> vote(sc::WSClient& client, std::string agentId, sc::Vote vote)
{
    sc::SwarmChannelClient swarmClient(client);
    auto steps = swarmClient.consensus("swarm-1");
    co_await swarmClient.subscribeToSwarm("swarm-1");
    while (const auto step = co_await steps.next())
    {
        if (step->type != sc::ConsensusStep::proposed) continue;
        try
        {
            co_await swarmClient.submitVote("swarm-1", step->proposalId, vote, agentId);
        }
        catch (const sc::RemoteError& refused)
        {
            fmt::print("{}: {}\n", agentId, refused.what());  // the others had decided before
        }
        co_return;
    }
}
//! [vote]

asio::awaitable<void> propose(sc::WSRouter& router, sc::SwarmChannelServer& swarmServer)
{
    // The agents listen first: what was proposed before, they would not hear of.
    while ((co_await router.getTopicSubscribers("swarm.swarm-1.consensus")).size() < agents)
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);

    //! [propose]
    sc::Ballot ballot;
    ballot.electorate = {"agent-1", "agent-2", "agent-3"};
    ballot.rule = sc::BallotRule::majority;  // of the votes that are no abstentions
    ballot.deadline = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 30s;
    const sc::Json proposal = {{"action", "scale-up"}};
    const auto result = co_await swarmServer.openProposal("swarm-1", "prop-1", proposal, ballot);
    //! [propose]
    fmt::print("the server counted {} to {}\n", result.votesFor, result.votesAgainst);
}

asio::awaitable<void> swarmChannel(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    //! [server]
    sc::SwarmChannelServer swarmServer(router);
    //! [server]
    co_await server.start();
    const auto url = fmt::format("ws://127.0.0.1:{}", server.port());
    std::vector<sc::WSClient> clients;
    for (int agent = 0; agent < agents; ++agent)
    {
        clients.emplace_back(io, sc::WSClientOptions{.url = url});
        co_await clients.back().connect();
    }

    // All at once; the vote is over when two of them agree.
    co_await (propose(router, swarmServer) && vote(clients[0], "agent-1", sc::Vote::yes) &&
              vote(clients[1], "agent-2", sc::Vote::no) && vote(clients[2], "agent-3", sc::Vote::yes));

    //! [wait]
    sc::SwarmChannelClient swarmClient(clients[0]);
    const auto consensus = co_await swarmClient.waitForConsensus("swarm-1", "prop-1", 30s);
    fmt::print("{} by {} to {}\n", consensus.accepted ? "accepted" : "rejected", consensus.votesFor,
               consensus.votesAgainst);
    //! [wait]
    example::require(consensus.accepted && consensus.votesFor == 2, "two of three is a majority");

    for (auto& client : clients) co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(swarmChannel);
}
