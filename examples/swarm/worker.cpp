#include "worker.hpp"

#include "digest.hpp"
#include "files.hpp"
#include "member.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

namespace swarm
{

using namespace strandcast;
using Clock = std::chrono::steady_clock;

namespace
{

constexpr double leastProgress = 5;  // percent, between two reports

bool isInElectorate(const SwarmConsensus& proposed, const std::string& agent)
{
    if (!proposed.ballot || !proposed.ballot->electorate) return false;
    const auto& electorate = *proposed.ballot->electorate;
    return std::find(electorate.begin(), electorate.end(), agent) != electorate.end();
}

}  // namespace

Worker::Worker(asio::io_context& io, const Job& job, std::string id)
    : io_(io),
      job_(job),
      id_(std::move(id)),
      client_(io, {.url = job.url}),
      agents_(client_),
      tasks_(client_),
      swarm_(client_),
      untilHealth_(io),
      fileIsKnown_(io, asio::steady_timer::time_point::max())
{
}

asio::awaitable<void> Worker::run()
{
    co_await client_.connect();
    Parts parts(io_);
    // Streams hear from the moment that they are made: before anything can come.
    parts.start(hearOfTasks(tasks_.created()));
    parts.start(work(tasks_.assigned()));
    parts.start(vote(swarm_.consensus()));
    std::exception_ptr failure;
    try
    {
        co_await tasks_.subscribeAll();
        co_await swarm_.subscribeAll();
        parts.start(reportHealth());
        co_await parts.wait();
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await parts.end();
    // What was under way when it left has failed, as it may.
    if (failure && !isLeaving_) std::rethrow_exception(failure);
}

asio::awaitable<void> Worker::leave()
{
    isLeaving_ = true;
    untilHealth_.cancel();
    co_await agents_.reportStatus({.agentId = id_, .status = AgentStatus::offline});
    co_await client_.disconnect();  // which ends the streams, and what reads them
}

asio::awaitable<void> Worker::hearOfTasks(EventStream<TaskCreation> created)
{
    while (const auto task = co_await created.next())
    {
        files_[task->taskId] = stringOf(task->metadata, "file").value_or("");
        fileIsKnown_.cancel();
    }
}

asio::awaitable<std::filesystem::path> Worker::fileOf(std::string taskId)
{
    // What was created before it was assigned may be read after it: they are two streams.
    asio::error_code woken;
    while (!files_.contains(taskId))
        co_await fileIsKnown_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_return job_.root / decodePath(files_[taskId]);
}

asio::awaitable<void> Worker::work(EventStream<TaskAssignment> assigned)
{
    while (const auto task = co_await assigned.next())
        if (task->agentId == id_) co_await digest(task->taskId);
}

asio::awaitable<void> Worker::digest(std::string taskId)
{
    const auto path = co_await fileOf(taskId);
    std::error_code ignored;
    const auto size = std::filesystem::file_size(path, ignored);
    const auto began = Clock::now();
    told_ = 0;
    const auto progress = [&](std::uint64_t bytes) { return advance(taskId, bytes, size); };
    TaskCompletion done{.taskId = taskId};
    try
    {
        const auto sha256 = co_await digestFile(path, progress);
        done.result = Json({{"sha256", sha256}});
    }
    catch (const ReadError& error)
    {
        done.status = TaskOutcome::failed;
        done.error = TaskFailure{.message = error.what()};
    }
    done.duration = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
    co_await tasks_.reportCompleted(std::move(done));
    ++completed_;
}

asio::awaitable<void> Worker::advance(std::string taskId, std::uint64_t bytes, std::uintmax_t size)
{
    co_await pause();
    const double percent = 100 * static_cast<double>(bytes) / static_cast<double>(std::max(size, bytes));
    if (percent - std::exchange(told_, percent) < leastProgress && percent < 100) co_return;
    co_await tasks_.reportProgress(
        {.taskId = std::move(taskId), .progress = percent, .status = TaskStatus::inProgress});
}

asio::awaitable<void> Worker::pause() const
{
    if (job_.pause.count() == 0) co_return;
    asio::steady_timer timer(io_, job_.pause);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> Worker::vote(EventStream<SwarmConsensus> consensus)
{
    while (const auto step = co_await consensus.next())
        if (step->type == ConsensusStep::proposed && isInElectorate(*step, id_)) co_await judge(*step);
}

asio::awaitable<void> Worker::judge(SwarmConsensus proposed)
{
    const auto file = stringOf(proposed.proposal, "file");
    const auto expected = stringOf(proposed.proposal, "sha256");
    if (!file || !expected) co_return;
    auto vote = Vote::abstain;
    try
    {
        const auto found = co_await digestFile(job_.root / decodePath(*file));
        vote = found == *expected ? Vote::yes : Vote::no;
    }
    catch (const ReadError&)
    {
        vote = Vote::no;
    }
    try
    {
        co_await swarm_.submitVote(proposed.swarmId, proposed.proposalId, vote, id_);
    }
    catch (const RemoteError&)
    {
        // The others had decided before.
    }
}

asio::awaitable<void> Worker::reportHealth()
{
    asio::error_code woken;
    while (!isLeaving_)
    {
        co_await agents_.reportHealth(
            {.agentId = id_, .metrics = {.tasksCompleted = static_cast<double>(completed_)}});
        untilHealth_.expires_after(healthInterval);
        co_await untilHealth_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
}

}  // namespace swarm
