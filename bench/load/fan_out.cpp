#include "fan_out.hpp"

#include "fan_out_run.hpp"
#include "messages.hpp"
#include "server_cpu.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

namespace load
{

void runFanOut(const Target& target, ::pid_t server, const FanOut& work)
{
    const auto run = std::make_unique<FanOutRun>(target, work);
    run->publish(std::max<std::uint64_t>(work.publishes / 10, work.window));
    const auto before = run->deliveries();
    const ServerCpu cpu(server);
    const auto begin = cpu.now();
    run->publish(work.publishes);
    const auto used = cpu.now() - begin;
    // Where nobody is subscribed, for each publish.
    const auto count = work.subscribers > 0 ? run->deliveries() - before : work.publishes;
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               count, static_cast<double>(used) / 1000 / static_cast<double>(count));
}

void runRequests(const Target& target, ::pid_t server, std::size_t connections, std::uint64_t publishes)
{
    const auto crowd = std::make_unique<Crowd>(target);
    for (std::size_t place = 0; place < connections; ++place) crowd->add({});
    std::uint64_t started = 0;
    std::uint64_t acked = 0;
    const auto send = [&](std::size_t place)
    {
        (*crowd)[place].queue(publishMessage("bench.nobody", started++, 128));
        (*crowd)[place].flush();
    };
    const auto runUntil = [&](std::uint64_t end)
    {
        while (acked < end)
            crowd->poll(
                [&](std::size_t place, std::string_view text)
                {
                    if (!isAck(text)) fail("no ack: " + std::string(text));
                    ++acked;
                    send(place);
                });
    };
    for (std::size_t place = 0; place < connections; ++place) send(place);
    runUntil(publishes / 10);
    const ServerCpu cpu(server);
    const auto first = acked;
    const auto begin = cpu.now();
    runUntil(first + publishes);
    const auto used = cpu.now() - begin;
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               acked - first, static_cast<double>(used) / 1000 / static_cast<double>(acked - first));
}

}  // namespace load
