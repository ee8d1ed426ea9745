#include "watcher.hpp"

#include "member.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace swarm
{

using namespace strandcast;

namespace
{

void show(Board& board, const AgentHealthUpdate& update)
{
    board.agent(update.agentId, update.healthy,
                static_cast<std::size_t>(update.metrics.tasksCompleted.value_or(0)));
}

void show(Board& board, const AgentStatusChange& change)
{
    if (change.status == AgentStatus::offline)
        board.agentIsGone(change.agentId, stringOf(change.metadata, "reason").value_or(""));
}

void show(Board& board, const TaskCreation& task)
{
    board.taskCreated(task.taskId, stringOf(task.metadata, "file").value_or(task.taskId));
}

void show(Board& board, const TaskAssignment& task)
{
    board.taskAssigned(task.taskId, task.agentId);
}

void show(Board& board, const TaskProgress& task)
{
    board.taskProgress(task.taskId, task.progress);
}

void show(Board& board, const TaskCompletion& task)
{
    board.taskEnded(task.taskId, task.status == TaskOutcome::completed);
}

void show(Board& board, const SwarmConsensus& step)
{
    if (step.type == ConsensusStep::proposed) board.voteBegins(step.proposalId);
    if (step.type != ConsensusStep::accepted && step.type != ConsensusStep::rejected) return;
    const auto result = step.result.value_or(ConsensusResult());
    board.voteEnded(step.proposalId,
                    fmt::format("{} by {} to {}", toString(step.type), result.votesFor, result.votesAgainst));
}

template <typename Stream>
asio::awaitable<void> showAll(Board& board, Stream events)
{
    while (const auto event = co_await events.next())
    {
        board.countEvent();
        show(board, *event);
    }
}

}  // namespace

Watcher::Watcher(asio::io_context& io, const Job& job, Board& board)
    : board_(board),
      client_(io, {.url = job.url, .reconnect = false}),
      agents_(client_),
      tasks_(client_),
      swarm_(client_),
      parts_(io)
{
}

asio::awaitable<void> Watcher::start()
{
    parts_.start(showAll(board_, agents_.healthUpdates()));
    parts_.start(showAll(board_, agents_.statusChanges()));
    parts_.start(showAll(board_, tasks_.created()));
    parts_.start(showAll(board_, tasks_.assigned()));
    parts_.start(showAll(board_, tasks_.progress()));
    parts_.start(showAll(board_, tasks_.completions()));
    parts_.start(showAll(board_, swarm_.consensus()));
    co_await client_.connect();
    co_await agents_.subscribeAll();
    co_await tasks_.subscribeAll();
    co_await swarm_.subscribeAll();
}

asio::awaitable<void> Watcher::seeTheRest()
{
    co_await client_.disconnect();
    co_await parts_.wait();
}

asio::awaitable<void> Watcher::end()
{
    co_await client_.disconnect();
    co_await parts_.end();
}

}  // namespace swarm
