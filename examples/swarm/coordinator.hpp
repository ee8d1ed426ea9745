#pragma once

#include "files.hpp"
#include "job.hpp"
#include "parts.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swarm
{

/// The server's halves of the channels.
struct Channels
{
    explicit Channels(strandcast::WSRouter& router) : agents(router), tasks(router), swarm(router) {}

    strandcast::AgentChannelServer agents;
    strandcast::TaskChannelServer tasks;
    strandcast::SwarmChannelServer swarm;
};

/// What came of one file.
struct Outcome
{
    File file;
    std::string digest = {};
    std::string failure = {};  ///< where there is no digest
    std::optional<strandcast::ConsensusResult> votes = {};
};

/// Has every file digested by the workers that are well, and every large one voted on. What a worker that
/// fell silent leaves undone, others take over.
class Coordinator
{
public:
    Coordinator(asio::io_context& io, const Job& job, Channels& channels, std::vector<File> files);

    /// Ends when every file has its outcome. It begins when `workers` of them have told how they are.
    [[nodiscard]] asio::awaitable<void> run(std::size_t workers);

    /// Is called once, when a third is done, with the id of a worker that has something to do.
    void onThirdDone(std::function<void(std::string worker)> hook) { onThirdDone_ = std::move(hook); }

    [[nodiscard]] const std::vector<Outcome>& outcomes() const noexcept { return outcomes_; }
    [[nodiscard]] std::size_t done() const noexcept { return done_; }
    [[nodiscard]] std::size_t takenOver() const noexcept { return takenOver_; }

private:
    struct Agent
    {
        std::chrono::steady_clock::time_point heardAt;
        bool isWell = true;
    };
    using Task = std::size_t;  // the file's place

    [[nodiscard]] asio::awaitable<void>
    hearOfAgents(strandcast::EventStream<strandcast::AgentHealthUpdate> health);
    [[nodiscard]] asio::awaitable<void> watchAgents();
    [[nodiscard]] asio::awaitable<void> letGoOf(std::string agent);

    [[nodiscard]] asio::awaitable<void> startTasks(std::size_t workers);
    [[nodiscard]] asio::awaitable<void> follow(Task task);
    [[nodiscard]] asio::awaitable<void> create(Task task);
    [[nodiscard]] asio::awaitable<void> assign(Task task);
    [[nodiscard]] asio::awaitable<void> decide(Task task);
    void conclude();
    [[nodiscard]] asio::awaitable<void> endWhenAllIsDone();

    [[nodiscard]] std::vector<std::string> agentsThatAreWell() const;
    [[nodiscard]] std::size_t workOf(const std::string& agent) const;
    [[nodiscard]] asio::awaitable<void> change();

    asio::io_context& io_;
    const Job& job_;
    Channels& channels_;
    strandcast::WSClient client_;
    strandcast::AgentChannelClient agentChannel_;
    strandcast::TaskChannelClient taskChannel_;
    strandcast::SwarmChannelClient swarmChannel_;
    Parts parts_;
    asio::steady_timer changed_;
    std::vector<Outcome> outcomes_;
    std::map<std::string, Agent> agents_;
    std::map<Task, std::string> assigned_;  // what is not completed, and to whom
    std::size_t open_ = 0;                  // tasks that have begun and have no outcome
    std::size_t done_ = 0;
    std::size_t takenOver_ = 0;
    std::function<void(std::string)> onThirdDone_;
};

}  // namespace swarm
