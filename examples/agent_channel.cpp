// The agent channel: how agents are, as typed streams. What the server says of an agent and what a client
// reports reach all who listen, once.
//
// Try it:  build/examples/agent_channel

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <string>

namespace sc = strandcast;

asio::awaitable<void> agentChannel(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    //! [server]
    sc::AgentChannelServer agentServer(router);
    //! [server]
    co_await server.start();
    const auto url = fmt::format("ws://127.0.0.1:{}", server.port());
    sc::WSClient client(io, {.url = url});
    sc::WSClient agent(io, {.url = url});
    co_await client.connect();
    co_await agent.connect();

    //! [client]
    sc::AgentChannelClient agentClient(client);
    auto statuses = agentClient.statusChanges();         // of all agents
    auto health = agentClient.healthUpdates("agent-1");  // of one
    co_await agentClient.subscribeAll();
    //! [client]

    //! [publish]
    co_await agentServer.publishStatusChange({.agentId = "agent-1", .status = sc::AgentStatus::busy});
    co_await agentServer.publishHealthUpdate(
        {.agentId = "agent-1", .healthy = true, .metrics = {.cpu = 50, .memory = 60}});
    //! [publish]

    //! [listen]
    const auto change = co_await statuses.next();
    fmt::print("{} is {}\n", change->agentId, toString(change->status));
    const auto update = co_await health.next();
    fmt::print("{} is {}, CPU {} %\n", update->agentId, update->healthy ? "well" : "unwell",
               *update->metrics.cpu);
    //! [listen]
    example::require(change->status == sc::AgentStatus::busy && update->healthy,
                     "what was published has come");

    //! [report]
    sc::AgentChannelClient self(agent);  // with a client of its own, wherever the agent runs
    co_await self.reportStatus({.agentId = "agent-2", .status = sc::AgentStatus::idle});
    //! [report]
    const auto report = co_await statuses.next();
    fmt::print("{} is {}\n", report->agentId, toString(report->status));
    example::require(report->agentId == "agent-2", "what a client reports reaches the channel");

    co_await agent.disconnect();
    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(agentChannel);
}
