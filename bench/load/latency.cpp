#include "latency.hpp"

#include "fan_out_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace load
{

namespace
{

constexpr std::uint64_t turn = 20;  // publishes
constexpr std::uint64_t warmUp = 5;

double microsecondsAt(const std::vector<std::int64_t>& sorted, double part)
{
    const auto place = static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * part);
    return static_cast<double>(sorted[place]) / 1000;
}

}  // namespace

void runLatency(Target target, std::uint16_t besidePort, const FanOut& work)
{
    target.isStamped = true;
    auto beside = target;
    beside.port = besidePort;
    const std::array runs{std::make_unique<FanOutRun>(target, work),
                          std::make_unique<FanOutRun>(beside, work)};
    std::array<std::vector<std::int64_t>, 2> latencies;
    for (std::uint64_t done = 0; done < work.publishes; done += turn)
        for (std::size_t which = 0; which < runs.size(); ++which)
        {
            auto& run = *runs[which];
            // The other one has had the processor's caches.
            run.publish(warmUp);
            run.latencies().clear();
            run.publish(turn);
            latencies[which].insert(latencies[which].end(), run.latencies().begin(), run.latencies().end());
        }
    for (auto& each : latencies) std::sort(each.begin(), each.end());
    fmt::print(R"({{"count":{},"median":{:.1f},"p99":{:.1f},"besideMedian":{:.1f},"besideP99":{:.1f}}})"
               "\n",
               latencies[0].size(), microsecondsAt(latencies[0], 0.5), microsecondsAt(latencies[0], 0.99),
               microsecondsAt(latencies[1], 0.5), microsecondsAt(latencies[1], 0.99));
}

}  // namespace load
