#include "coordinator.hpp"

#include "member.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace swarm
{

using namespace strandcast;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using Clock = std::chrono::steady_clock;

namespace
{

constexpr std::size_t tasksAhead = 2;  // of each worker
constexpr std::size_t voters = 3;
constexpr auto silenceOfTheGone = 6 * healthInterval;
constexpr auto taskTimeout = 10min;
constexpr auto voteTimeout = 1min;

std::string taskIdOf(std::size_t task)
{
    return fmt::format("file-{}", task + 1);
}

}  // namespace

Coordinator::Coordinator(asio::io_context& io, const Job& job, Channels& channels, std::vector<File> files)
    : io_(io),
      job_(job),
      channels_(channels),
      client_(io, {.url = job.url}),
      agentChannel_(client_),
      taskChannel_(client_),
      swarmChannel_(client_),
      parts_(io),
      changed_(io, asio::steady_timer::time_point::max())
{
    for (auto& file : files) outcomes_.push_back({.file = std::move(file)});
}

asio::awaitable<void> Coordinator::run(std::size_t workers)
{
    co_await client_.connect();
    parts_.start(hearOfAgents(agentChannel_.healthUpdates()));
    std::exception_ptr failure;
    try
    {
        co_await agentChannel_.subscribeAll();
        co_await taskChannel_.subscribeAll();
        co_await swarmChannel_.subscribeAll();
        parts_.start(watchAgents());
        parts_.start(startTasks(workers));
        parts_.start(endWhenAllIsDone());
        co_await parts_.wait();
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await parts_.end();
    co_await client_.disconnect();
    if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> Coordinator::endWhenAllIsDone()
{
    while (done_ < outcomes_.size()) co_await change();
    parts_.cancel();
}

asio::awaitable<void> Coordinator::change()
{
    asio::error_code ignored;
    co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> Coordinator::hearOfAgents(EventStream<AgentHealthUpdate> health)
{
    while (const auto update = co_await health.next())
    {
        agents_[update->agentId] = {Clock::now(), update->healthy};
        changed_.cancel();
    }
}

asio::awaitable<void> Coordinator::watchAgents()
{
    asio::steady_timer timer(io_);
    for (;;)
    {
        timer.expires_after(healthInterval);
        co_await timer.async_wait(asio::use_awaitable);
        std::vector<std::string> gone;
        for (const auto& [id, agent] : agents_)
            if (agent.isWell && Clock::now() - agent.heardAt > silenceOfTheGone) gone.push_back(id);
        for (auto& id : gone) co_await letGoOf(std::move(id));
    }
}

asio::awaitable<void> Coordinator::letGoOf(std::string agent)
{
    agents_[agent].isWell = false;
    co_await channels_.agents.publishAgentStopped(agent, "it fell silent");
    std::vector<Task> left;
    for (const auto& [task, worker] : assigned_)
        if (worker == agent) left.push_back(task);
    for (const auto task : left)
    {
        if (!assigned_.contains(task)) continue;  // it has come to its end meanwhile
        ++takenOver_;
        co_await assign(task);
    }
}

asio::awaitable<void> Coordinator::startTasks(std::size_t workers)
{
    while (agents_.size() < workers) co_await change();
    for (Task task = 0; task < outcomes_.size(); ++task)
    {
        while (open_ >= tasksAhead * std::max<std::size_t>(agentsThatAreWell().size(), 1)) co_await change();
        ++open_;
        parts_.start(follow(task));
    }
}

asio::awaitable<void> Coordinator::follow(Task task)
{
    co_await create(task);
    // Both at once: the wait is there before the task can end. It would see an end that came before, too.
    const auto completion =
        co_await (taskChannel_.waitForCompletion(taskIdOf(task), taskTimeout) && assign(task));
    assigned_.erase(task);
    auto& outcome = outcomes_[task];
    if (completion.status == TaskOutcome::completed)
        outcome.digest = stringOf(completion.result, "sha256").value_or("");
    if (outcome.digest.empty())
        outcome.failure = completion.error ? completion.error->message : "its worker told no digest";
    else if (outcome.file.size >= job_.largeSize)
        co_await decide(task);
    conclude();
}

void Coordinator::conclude()
{
    --open_;
    ++done_;
    changed_.cancel();
    if (!onThirdDone_ || done_ * 3 < outcomes_.size() || assigned_.empty()) return;
    std::exchange(onThirdDone_, nullptr)(assigned_.begin()->second);
}

asio::awaitable<void> Coordinator::create(Task task)
{
    const auto& file = outcomes_[task].file;
    co_await channels_.tasks.publishCreated(
        {.taskId = taskIdOf(task),
         .type = "digest",
         .metadata =
             Json({{"file", encodePath(file.path)}, {"size", static_cast<std::uint64_t>(file.size)}})});
}

asio::awaitable<void> Coordinator::assign(Task task)
{
    while (agentsThatAreWell().empty()) co_await change();
    const auto agents = agentsThatAreWell();
    const auto least = std::min_element(agents.begin(), agents.end(),
                                        [this](const std::string& one, const std::string& other)
                                        { return workOf(one) < workOf(other); });
    assigned_[task] = *least;
    co_await channels_.tasks.publishAssigned({.taskId = taskIdOf(task), .agentId = *least});
}

asio::awaitable<void> Coordinator::decide(Task task)
{
    auto& outcome = outcomes_[task];
    auto electorate = agentsThatAreWell();
    electorate.resize(std::min(electorate.size(), voters));
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const Ballot ballot{
        .electorate = std::move(electorate), .rule = BallotRule::majority, .deadline = now + voteTimeout};
    const Json proposal = {{"file", encodePath(outcome.file.path)}, {"sha256", outcome.digest}};
    const auto [opened, decided] =
        co_await (channels_.swarm.openProposal(swarmId, taskIdOf(task), proposal, ballot) &&
                  swarmChannel_.waitForConsensus(swarmId, taskIdOf(task), voteTimeout + 10s));
    outcome.votes = decided;
    if (opened != decided) outcome.failure = "the server's count and the client's differ";
    if (!decided.accepted) outcome.failure = "the vote rejected its digest";
}

std::vector<std::string> Coordinator::agentsThatAreWell() const
{
    std::vector<std::string> well;
    for (const auto& [id, agent] : agents_)
        if (agent.isWell) well.push_back(id);
    return well;
}

std::size_t Coordinator::workOf(const std::string& agent) const
{
    return static_cast<std::size_t>(std::count_if(assigned_.begin(), assigned_.end(),
                                                  [&](const auto& task) { return task.second == agent; }));
}

}  // namespace swarm
