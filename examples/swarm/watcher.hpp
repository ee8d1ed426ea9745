#pragma once

#include "board.hpp"
#include "job.hpp"
#include "parts.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace swarm
{

/// Hears everything that the swarm tells, with a client of its own, and shows it on a board.
class Watcher
{
public:
    Watcher(asio::io_context& io, const Job& job, Board& board);

    /// When it returns, nothing is missed any more.
    [[nodiscard]] asio::awaitable<void> start();
    /// Shows what has come, once the server has ended, after which nothing more does.
    [[nodiscard]] asio::awaitable<void> seeTheRest();
    [[nodiscard]] asio::awaitable<void> end();

private:
    Board& board_;
    strandcast::WSClient client_;
    strandcast::AgentChannelClient agents_;
    strandcast::TaskChannelClient tasks_;
    strandcast::SwarmChannelClient swarm_;
    Parts parts_;
};

}  // namespace swarm
