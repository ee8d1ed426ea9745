#include "board.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace swarm
{

namespace
{

constexpr std::size_t maxEndedShown = 100;
constexpr std::size_t barWidth = 20;

}  // namespace

Board::Board()
{
    if (terminal::isThere()) screen_.emplace();
}

void Board::print(const std::string& line) const
{
    if (screen_) return;
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

void Board::agent(const std::string& id, bool isHealthy, std::size_t tasksCompleted)
{
    auto& known = agents_[id];
    if (known.isGone) print(fmt::format("{} is back", id));
    known = {isHealthy, false, tasksCompleted};
}

void Board::agentIsGone(const std::string& id, const std::string& why)
{
    agents_[id].isGone = true;
    print(why.empty() ? fmt::format("{} leaves", id) : fmt::format("{} is gone: {}", id, why));
}

void Board::taskCreated(const std::string& id, const std::string& file)
{
    tasks_[id].file = file;
}

void Board::taskAssigned(const std::string& id, const std::string& agent)
{
    auto& task = tasks_[id];
    if (!task.agent.empty() && task.agent != agent)
        print(fmt::format("{} takes over {} from {}", agent, task.file, task.agent));
    task.agent = agent;
    task.percent = 0;
}

void Board::taskProgress(const std::string& id, double percent)
{
    tasks_[id].percent = percent;
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
    print(fmt::format("{} {} {}", task.agent, isCompleted ? "digested" : "failed at", task.file));
}

void Board::vote(const std::string& id, const std::string& state)
{
    auto& task = tasks_[id];
    if (task.vote == state) return;
    task.vote = state;
    print(fmt::format("{}: {}", task.file, state));
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
    const auto* const state = agent.isGone ? "gone" : agent.isHealthy ? "healthy" : "unwell";
    return {fmt::format("{:<12}  {:<8} {:>5} done  {:>3} at work", id, state, agent.tasksCompleted,
                        agent.isGone ? 0 : working),
            agent.isGone || !agent.isHealthy ? terminal::red : std::string_view()};
}

terminal::Line Board::lineOf(const Task& task, std::size_t width) const
{
    constexpr std::size_t others = barWidth + 2 + 5 + 2 + 10 + 2 + 2;
    const auto fileWidth = std::clamp<std::size_t>(width > others + 24 ? width - others - 24 : 12, 12, 60);
    return {fmt::format("{}  {:>3.0f} %  {:<10}  {:<{}}  {}", terminal::bar(task.percent / 100, barWidth),
                        task.percent, task.agent, terminal::cut(task.file, fileWidth), fileWidth, task.vote),
            !task.isCompleted   ? std::string_view()
            : *task.isCompleted ? terminal::green
                                : terminal::red};
}

std::vector<const Board::Task*> Board::tasksToShow(std::size_t room) const
{
    std::vector<const Task*> shown;
    for (const auto& [id, task] : tasks_)
        if (!task.isCompleted && !task.agent.empty() && shown.size() < room) shown.push_back(&task);
    for (auto id = ended_.rbegin(); id != ended_.rend() && shown.size() < room; ++id)
        shown.push_back(&tasks_.at(*id));
    return shown;
}

void Board::draw(const std::string& headline)
{
    if (!screen_) return;
    measureRate();
    const auto size = terminal::size();
    std::vector<terminal::Line> lines = {
        {headline, terminal::bold},
        {fmt::format("{} tasks done; {} events heard, {:.0f} a second", endedCount_, events_, rate_),
         terminal::dim}};
    for (const auto& [id, agent] : agents_) lines.push_back(lineOf(id, agent));
    const auto room = size.height > lines.size() + 2 ? size.height - lines.size() - 2 : 1;
    for (const auto* const task : tasksToShow(room)) lines.push_back(lineOf(*task, size.width));
    screen_->draw(lines);
}

}  // namespace swarm
