// Patterns: * is exactly one segment, # is zero or more of them, anywhere.
//
// Try it:  build/examples/pattern_matching

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sc = strandcast;

/// The topics of the next `count` events.
asio::awaitable<std::vector<std::string>> topicsOf(sc::EventStream<sc::EventMessage>& events,
                                                   std::size_t count)
{
    std::vector<std::string> topics;
    while (topics.size() < count)
    {
        const auto event = co_await events.next();
        if (!event) break;
        topics.push_back(event->topic);
    }
    co_return topics;
}

asio::awaitable<void> patternMatching(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    co_await server.start();
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    co_await client.connect();

    //! [subscribe]
    // Any agent's status.
    auto statuses = (co_await client.subscribe({"agent.*.status"})).withoutGaps();
    // All that agents tell; `agent` itself as well.
    auto agents = (co_await client.subscribe({"agent.#"})).withoutGaps();
    // Any task's progress.
    auto progress = (co_await client.subscribe({"task.*.progress"})).withoutGaps();
    //! [subscribe]

    for (const auto* const topic :
         {"agent", "agent.7.status", "agent.7.logs", "task.1.progress", "task.1.error"})
        co_await router.publish(topic, {{"at", topic}});

    const auto ofStatuses = co_await topicsOf(statuses, 1);
    const auto ofAgents = co_await topicsOf(agents, 3);
    const auto ofProgress = co_await topicsOf(progress, 1);
    fmt::print("agent.*.status   {}\n", fmt::join(ofStatuses, ", "));
    fmt::print("agent.#          {}\n", fmt::join(ofAgents, ", "));
    fmt::print("task.*.progress  {}\n", fmt::join(ofProgress, ", "));
    const std::vector<std::string> allOfAgents = {"agent", "agent.7.status", "agent.7.logs"};
    example::require(ofAgents == allOfAgents, "agent.# is the agent and all below it, in order");

    //! [pattern]
    const sc::TopicPattern pattern("a.#.z");
    example::require(pattern.matches("a.z") && pattern.matches("a.b.c.z"), "# is zero or more segments");
    example::require(!pattern.matches("a.b"), "and what stands behind it counts");
    //! [pattern]

    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(patternMatching);
}
