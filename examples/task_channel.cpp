// The task channel: how tasks get on, and the wait for the end of one, which sees an end that came before it
// as well.
//
// Try it:  build/examples/task_channel

#include "run.hpp"

#include <strandcast/strandcast.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace sc = strandcast;
using namespace std::chrono_literals;

asio::awaitable<void> taskChannel(asio::io_context& io)
{
    sc::WSServer server(io, {.port = 0});
    sc::WSRouter router(server);
    //! [server]
    sc::TaskChannelServer taskServer(router);
    //! [server]
    co_await server.start();
    sc::WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", server.port())});
    co_await client.connect();

    //! [client]
    sc::TaskChannelClient taskClient(client);
    auto progress = taskClient.progress("task-1");
    co_await taskClient.subscribeToTask("task-1");
    //! [client]

    //! [publish]
    co_await taskServer.publishProgress(
        {.taskId = "task-1", .progress = 50, .status = sc::TaskStatus::inProgress});
    co_await taskServer.publishCompleted({.taskId = "task-1", .result = sc::Json({{"success", true}})});
    //! [publish]
    const auto half = co_await progress.next();
    fmt::print("{}: {} %\n", half->taskId, half->progress);
    example::require(half->progress == 50, "the progress has come");

    //! [wait]
    const auto completion = co_await taskClient.waitForCompletion("task-1", 30s);
    fmt::print("{} {}: {}\n", completion.taskId, toString(completion.status), completion.result->text());
    //! [wait]
    example::require(completion.status == sc::TaskOutcome::completed, "it was completed before the wait");

    //! [timeout]
    try
    {
        co_await taskClient.waitForCompletion("task-2", 10ms);
    }
    catch (const sc::Error& error)
    {
        fmt::print("{}\n", error.what());  // names the task
    }
    //! [timeout]

    co_await client.disconnect();
    co_await server.shutdown();
}

int main()
{
    return example::run(taskChannel);
}
