// The load of the network benchmarks: speaks to a server or to the floor in raw frames, checks every
// delivery, and prints one line of JSON with what the server's process used.
//
//   load PORT PID [--token T] [--compressed] [--tls] WORKLOAD NUMBER...
//
//   fanout SUBSCRIBERS WINDOW BYTES PUBLISHES     topics SUBSCRIBERS TOPICS EACH WINDOW PUBLISHES
//   pattern SUBSCRIBERS WINDOW BYTES PUBLISHES    requests CONNECTIONS PUBLISHES
//   latency OTHER-PORT SUBSCRIBERS BYTES PUBLISHES
//   upgrades COUNT     connects COUNT     idle COUNT SECONDS     hold COUNT SECONDS

#include "fan_out.hpp"
#include "latency.hpp"
#include "many.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace
{

using namespace load;

int usage()
{
    std::fputs("usage: load PORT PID [--token T] [--compressed] [--tls] WORKLOAD NUMBER... (see "
               "bench/load/main.cpp)\n",
               stderr);
    return 2;
}

bool run(const Target& target, ::pid_t server, std::string_view work, const std::vector<std::size_t>& numbers)
{
    const auto is = [&](std::string_view name, std::size_t count)
    { return work == name && numbers.size() == count; };
    if (is("fanout", 4) || is("pattern", 4))
        runFanOut(target, server,
                  {.subscribers = numbers[0],
                   .window = numbers[1],
                   .dataSize = numbers[2],
                   .isPattern = work == "pattern",
                   .publishes = numbers[3]});
    else if (is("topics", 5))
        runFanOut(target, server,
                  {.subscribers = numbers[0],
                   .window = numbers[3],
                   .topics = numbers[1],
                   .topicsEach = numbers[2],
                   .publishes = numbers[4]});
    else if (is("latency", 4))
        runLatency(target, static_cast<std::uint16_t>(numbers[0]),
                   {.subscribers = numbers[1], .window = 1, .dataSize = numbers[2], .publishes = numbers[3]});
    else if (is("requests", 2))
        runRequests(target, server, numbers[0], numbers[1]);
    else if (is("upgrades", 1))
        runUpgrades(target, server, numbers[0]);
    else if (is("connects", 1))
        runConnects(target, server, numbers[0]);
    else if (is("idle", 2))
        runIdle(target, server, numbers[0], numbers[1]);
    else if (is("hold", 2))
        runHold(target, server, numbers[0], numbers[1]);
    else
        return false;
    return true;
}

}  // namespace

int main(int count, char** arguments)
{
    std::vector<std::string_view> words(arguments + 1, arguments + count);
    Target target;
    std::vector<std::string_view> rest;
    for (std::size_t index = 0; index < words.size(); ++index)
    {
        if (words[index] == "--token" && index + 1 < words.size())
            target.token = words[++index];
        else if (words[index] == "--compressed")
            target.isCompressed = true;
        else if (words[index] == "--tls")
            target.isSecure = true;
        else
            rest.push_back(words[index]);
    }
    if (rest.size() < 3) return usage();
    target.port = static_cast<std::uint16_t>(std::atoi(rest[0].data()));
    std::vector<std::size_t> numbers;
    for (std::size_t index = 3; index < rest.size(); ++index)
        numbers.push_back(std::strtoull(rest[index].data(), nullptr, 10));
    return run(target, std::atoi(rest[1].data()), rest[2], numbers) ? 0 : usage();
}
