#pragma once

#include "../terminal.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swarm
{

/// What a watcher sees of the swarm: drawn over itself in a terminal, with a bar for each task; otherwise a
/// line for whatever is more than progress.
class Board
{
public:
    Board(std::string title, std::string hint, std::size_t taskCount);

    void countEvent() noexcept { ++events_; }

    void agent(const std::string& id, bool isHealthy, std::size_t tasksCompleted);
    /// `why` is empty where it left of its own.
    void agentIsGone(const std::string& id, const std::string& why);

    void taskCreated(const std::string& id, const std::string& file);
    void taskAssigned(const std::string& id, const std::string& agent);
    void taskProgress(const std::string& id, double percent);
    void taskEnded(const std::string& id, bool isCompleted);
    void voteBegins(const std::string& id);
    void voteEnded(const std::string& id, const std::string& result);

    /// What is worth a line of its own.
    void tell(const std::string& news);

    /// Draws everything where the last drawing stands.
    void draw();

private:
    struct Agent
    {
        std::string_view state = {};
        bool isThere = true;
        bool isWell = true;
        std::size_t tasksCompleted = 0;
    };
    struct Task
    {
        std::string file;
        std::string agent;
        double percent = 0;
        std::string vote;
        bool isVotedOn = false;  // and not decided
        std::optional<bool> isCompleted;
    };
    using Lines = std::vector<terminal::Line>;

    void print(const std::string& line) const;
    void measureRate();
    [[nodiscard]] Lines head() const;
    [[nodiscard]] terminal::Line lineOf(const std::string& id, const Agent& agent) const;
    [[nodiscard]] std::vector<const Task*> tasksToShow(std::size_t room) const;

    const std::string title_;
    const std::string hint_;
    const std::size_t taskCount_;
    std::optional<terminal::Screen> screen_;
    std::map<std::string, Agent> agents_;
    std::map<std::string, Task> tasks_;
    std::deque<std::string> ended_;  // the last ones
    std::deque<std::string> news_;   // the last ones
    std::size_t endedCount_ = 0;
    std::size_t decided_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t eventsBefore_ = 0;
    double rate_ = 0;
    std::chrono::steady_clock::time_point measuredAt_ = std::chrono::steady_clock::now();
};

}  // namespace swarm
