#pragma once

#include "job.hpp"
#include "parts.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace swarm
{

/// An agent with a client of its own: it digests the files that it is assigned, votes on the digests of
/// others, and tells how it is.
class Worker
{
public:
    Worker(asio::io_context& io, const Job& job, std::string id);

    /// Works until leave(). It may not go before this has ended.
    /// @throws asio::system_error when cancelled, which leaves no goodbye: as a process that was killed.
    [[nodiscard]] asio::awaitable<void> run();

    /// Ends run() in good order.
    [[nodiscard]] asio::awaitable<void> leave();

private:
    [[nodiscard]] asio::awaitable<void>
    hearOfTasks(strandcast::EventStream<strandcast::TaskCreation> created);
    [[nodiscard]] asio::awaitable<void> work(strandcast::EventStream<strandcast::TaskAssignment> assigned);
    [[nodiscard]] asio::awaitable<void> vote(strandcast::EventStream<strandcast::SwarmConsensus> consensus);
    [[nodiscard]] asio::awaitable<void> reportHealth();

    [[nodiscard]] asio::awaitable<std::filesystem::path> fileOf(std::string taskId);
    [[nodiscard]] asio::awaitable<void> digest(std::string taskId);
    [[nodiscard]] asio::awaitable<void> advance(std::string taskId, std::uint64_t bytes, std::uintmax_t size);
    [[nodiscard]] asio::awaitable<void> judge(strandcast::SwarmConsensus proposed);
    [[nodiscard]] asio::awaitable<void> pause() const;

    asio::io_context& io_;
    const Job& job_;
    const std::string id_;
    strandcast::WSClient client_;
    strandcast::AgentChannelClient agents_;
    strandcast::TaskChannelClient tasks_;
    strandcast::SwarmChannelClient swarm_;
    asio::steady_timer untilHealth_;
    asio::steady_timer fileIsKnown_;
    std::map<std::string, std::string> files_;  // of each task, as encodePath() writes them
    std::size_t completed_ = 0;
    double told_ = 0;  // of the progress in what it digests
    bool isLeaving_ = false;
};

}  // namespace swarm
