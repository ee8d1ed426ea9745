#pragma once

#include "crowd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace load
{

struct FanOut
{
    std::size_t subscribers = 1000;
    std::size_t window = 16;     ///< publishes in flight
    std::size_t dataSize = 128;  ///< bytes
    std::size_t topics = 1;
    std::size_t topicsEach = 1;  ///< of them, per subscriber
    bool isPattern = false;      ///< subscribers have agent.*.status, publishes go to agent.<n>.status
    std::uint64_t publishes = 0;
};

/// Publishes, and checks that each subscriber gets each event of its topics once and in order. Prints what
/// the server's CPU was for each delivery.
void runFanOut(const Target& target, ::pid_t server, const FanOut& work);

/// `connections`, each with one publish to a topic of nobody's in flight: `publishes` acks in all.
void runRequests(const Target& target, ::pid_t server, std::size_t connections, std::uint64_t publishes);

}  // namespace load
