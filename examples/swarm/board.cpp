#include "board.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace swarm
{

namespace
{

constexpr std::size_t maxEndedShown = 100;
constexpr std::size_t newsShown = 3;

/// The end of a path says more than its beginning.
std::string endOf(const std::string& path, std::size_t width)
{
    return path.size() <= width ? path : "…" + path.substr(path.size() - width + 1);
}

/// A task's line; a narrow terminal has a shorter bar, and the vote takes its room from the file alone.
std::string lineOf(double percent, const std::string& agent, const std::string& file, const std::string& vote,
                   std::size_t width)
{
    const std::size_t barWidth = width < 80 ? 8 : 20;
    const auto others = barWidth + 2 + 5 + 2 + 10;
    const auto rest = std::max<std::size_t>(width, others + 12) - others;
    const auto voteWidth = width < 80 ? (vote.empty() ? 0 : vote.size() + 2) : 20;
    const auto fileWidth = std::clamp<std::size_t>(rest > voteWidth ? rest - voteWidth : 0, 12, 60);
    return fmt::format("{}  {:>3.0f} %  {:<8}  {:<{}}  {}", terminal::bar(percent / 100, barWidth), percent,
                       agent, endOf(file, fileWidth), fileWidth, vote);
}

}  // namespace

Board::Board(std::string title, std::string hint, std::size_t taskCount)
    : title_(std::move(title)),
      hint_(std::move(hint)),
      taskCount_(taskCount)
{
    print(title_);
    print(hint_);
    if (terminal::isThere()) screen_.emplace();
}

void Board::print(const std::string& line) const
{
    if (terminal::isThere()) return;
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

void Board::tell(const std::string& news)
{
    print(news);
    news_.push_back(news);
    if (news_.size() > newsShown) news_.pop_front();
}

void Board::agent(const std::string& id, bool isHealthy, std::size_t tasksCompleted)
{
    auto& known = agents_[id];
    if (!known.isThere) tell(fmt::format("{} is back", id));
    known = {isHealthy ? "healthy" : "unwell", true, isHealthy, tasksCompleted};
}

void Board::agentIsGone(const std::string& id, const std::string& why)
{
    auto& known = agents_[id];
    known = {why.empty() ? "left" : "gone", false, why.empty(), known.tasksCompleted};
    tell(why.empty() ? fmt::format("{} leaves", id) : fmt::format("{} is gone: {}", id, why));
}

void Board::taskCreated(const std::string& id, const std::string& file)
{
    tasks_[id].file = file;
}

void Board::taskAssigned(const std::string& id, const std::string& agent)
{
    auto& task = tasks_[id];
    if (!task.agent.empty() && task.agent != agent)
        tell(fmt::format("{} takes over from {}: {}", agent, task.agent, task.file));
    task.agent = agent;
    if (!task.isCompleted) task.percent = 0;  // each kind of event is a stream of its own, read when it is
}

void Board::taskProgress(const std::string& id, double percent)
{
    auto& task = tasks_[id];
    if (!task.isCompleted) task.percent = percent;
}

void Board::taskEnded(const std::string& id, bool isCompleted)
{
    auto& task = tasks_[id];
    if (task.isCompleted) return;
    task.isCompleted = isCompleted;
    if (isCompleted) task.percent = 100;
    ++endedCount_;
    ended_.push_back(id);
    if (ended_.size() > maxEndedShown) ended_.pop_front();
    if (isCompleted)
        print(fmt::format("{} digested {}", task.agent, task.file));
    else
        tell(fmt::format("{} failed at {}", task.agent, task.file));
}

void Board::voteBegins(const std::string& id)
{
    auto& task = tasks_[id];
    if (std::exchange(task.isVotedOn, true)) return;
    task.vote = "a vote is on";
    print(fmt::format("{}: a vote begins", task.file));
}

void Board::voteEnded(const std::string& id, const std::string& result)
{
    auto& task = tasks_[id];
    if (!std::exchange(task.isVotedOn, false)) return;
    task.vote = result;
    ++decided_;
    tell(fmt::format("{}: {}", task.file, result));
}

void Board::measureRate()
{
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - measuredAt_).count();
    if (seconds < 0.5) return;
    rate_ = static_cast<double>(events_ - eventsBefore_) / seconds;
    eventsBefore_ = events_;
    measuredAt_ = now;
}

terminal::Line Board::lineOf(const std::string& id, const Agent& agent) const
{
    const auto working = std::count_if(tasks_.begin(), tasks_.end(), [&](const auto& task)
                                       { return task.second.agent == id && !task.second.isCompleted; });
    return {fmt::format("{:<10}  {:<8} {:>5} done  {:>3} at work", id, agent.state, agent.tasksCompleted,
                        agent.isThere ? working : 0),
            agent.isWell ? std::string_view() : terminal::red};
}

std::vector<const Board::Task*> Board::tasksToShow(std::size_t room) const
{
    std::vector<const Task*> shown;
    for (const auto& [id, task] : tasks_)
        if (!task.isCompleted && !task.agent.empty() && shown.size() < room) shown.push_back(&task);
    for (const bool isVotedOn : {true, false})
        for (auto id = ended_.rbegin(); id != ended_.rend() && shown.size() < room; ++id)
            if (const auto& task = tasks_.at(*id); task.isVotedOn == isVotedOn) shown.push_back(&task);
    return shown;
}

Board::Lines Board::head() const
{
    Lines lines = {{title_, terminal::bold},
                   {fmt::format("{} of {} done, {} voted on; {} events, {:.0f} a second", endedCount_,
                                taskCount_, decided_, events_, rate_)},
                   {hint_, terminal::dim}};
    for (const auto& [id, agent] : agents_) lines.push_back(lineOf(id, agent));
    return lines;
}

void Board::draw()
{
    if (!screen_) return;
    measureRate();
    const auto size = terminal::size();
    auto lines = head();
    const auto others = lines.size() + newsShown + 3;  // with the summary
    for (const auto* const task : tasksToShow(size.height > others ? size.height - others : 1))
        lines.push_back({swarm::lineOf(task->percent, task->agent, task->file, task->vote, size.width),
                         !task->isCompleted   ? std::string_view()
                         : *task->isCompleted ? terminal::green
                                              : terminal::red});
    for (const auto& news : news_) lines.push_back({news, terminal::dim});
    screen_->draw(lines);
}

}  // namespace swarm
