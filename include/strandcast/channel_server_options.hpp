#pragma once

#include <strandcast/clock.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace strandcast
{

struct ChannelServerOptions
{
    std::size_t queueSize =
        1'000;  ///< reports that each stream keeps for its reader; above, the oldest is dropped
    /// How long the end of a task, or of a proposal, can be seen by who asks for it later; 0 is as long as
    /// the log keeps it.
    std::chrono::milliseconds retention{600'000};
    /// Proposals and decisions with a ballot of their clients' own, that are open at a time: their votes are
    /// counted as those of the server's. 0 is none: such an event passes as any other.
    std::size_t maxClientBallots = 0;
    Clock* clock = &Clock::system();  ///< for the timestamps that are left empty; outlives the channel server
};

/// What a client reported on a channel's topic, that does not fit: it was delivered as any event is, and not
/// republished.
struct MalformedReport
{
    std::string clientId;
    std::string topic;
    std::string problem;  ///< which field, what was expected, what was found
};

}  // namespace strandcast
