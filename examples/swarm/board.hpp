#pragma once

#include "../terminal.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swarm
{

/// What a watcher sees of the swarm: drawn over itself in a terminal, with a bar for each task; otherwise a
/// line for whatever is more than progress.
class Board
{
public:
    Board();

    void countEvent() noexcept { ++events_; }

    void agent(const std::string& id, bool isHealthy, std::size_t tasksCompleted);
    /// `why` is empty where it left of its own.
    void agentIsGone(const std::string& id, const std::string& why);

    void taskCreated(const std::string& id, const std::string& file);
    void taskAssigned(const std::string& id, const std::string& agent);
    void taskProgress(const std::string& id, double percent);
    void taskEnded(const std::string& id, bool isCompleted);
    void vote(const std::string& id, const std::string& state);

    /// Draws everything, with `headline` above it, where the last drawing stands.
    void draw(const std::string& headline);

private:
    struct Agent
    {
        bool isHealthy = true;
        bool isGone = false;
        std::size_t tasksCompleted = 0;
    };
    struct Task
    {
        std::string file;
        std::string agent;
        double percent = 0;
        std::string vote;
        std::optional<bool> isCompleted;
    };

    void print(const std::string& line) const;
    void measureRate();
    [[nodiscard]] terminal::Line lineOf(const std::string& id, const Agent& agent) const;
    [[nodiscard]] terminal::Line lineOf(const Task& task, std::size_t width) const;
    [[nodiscard]] std::vector<const Task*> tasksToShow(std::size_t room) const;

    std::optional<terminal::Screen> screen_;
    std::map<std::string, Agent> agents_;
    std::map<std::string, Task> tasks_;
    std::deque<std::string> ended_;  // the last ones
    std::size_t endedCount_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t eventsBefore_ = 0;
    double rate_ = 0;
    std::chrono::steady_clock::time_point measuredAt_ = std::chrono::steady_clock::now();
};

}  // namespace swarm
