#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace host
{

// Reads this machine from /proc.

struct Process
{
    int pid = 0;
    std::string name;
    std::uint64_t cpuTicks = 0;  ///< used since it began, in user and system mode
    std::uint64_t residentBytes = 0;
    double age = 0;  ///< seconds
};

[[nodiscard]] double loadAverage();  ///< over the last minute
[[nodiscard]] double memoryUsedPercent();
[[nodiscard]] double memoryTotalBytes();
[[nodiscard]] double uptimeSeconds();
[[nodiscard]] unsigned coreCount();
[[nodiscard]] double ticksPerSecond();

/// Nothing where it has ended.
[[nodiscard]] std::optional<Process> process(int pid);

/// All, by their numbers.
[[nodiscard]] std::map<int, Process> processes();

/// Those that have used most of the processor since `before`, this one among them.
[[nodiscard]] std::vector<Process> busiestProcesses(const std::map<int, Process>& before, std::size_t count);

}  // namespace host
