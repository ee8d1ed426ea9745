#include "proc.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace host
{

namespace
{

constexpr auto npos = std::string_view::npos;

/// The value of a line such as "MemTotal:  24593412 kB".
double memoryField(const std::string& name)
{
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) * 1024;
    return 0;
}

/// A segment of a topic: nothing that would end it or be a wildcard, and ASCII alone, since a process may
/// take any bytes for its name.
std::string topicName(std::string name)
{
    std::replace_if(
        name.begin(), name.end(), [](char character)
        { return character <= ' ' || character > '~' || std::string_view("./*#$").find(character) != npos; },
        '-');
    return name;
}

}  // namespace

double loadAverage()
{
    double load = 0;
    std::ifstream("/proc/loadavg") >> load;
    return load;
}

double memoryTotalBytes()
{
    return memoryField("MemTotal");
}

double memoryUsedPercent()
{
    const auto total = memoryTotalBytes();
    return total > 0 ? 100 * (total - memoryField("MemAvailable")) / total : 0;
}

double uptimeSeconds()
{
    double seconds = 0;
    std::ifstream("/proc/uptime") >> seconds;
    return seconds;
}

unsigned coreCount()
{
    return std::max(1U, std::thread::hardware_concurrency());
}

double ticksPerSecond()
{
    return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::optional<Process> process(int pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    // The name stands in parentheses and may hold any character, further parentheses and line ends among them
    // (proc(5)).
    const std::string line(std::istreambuf_iterator<char>(file), {});
    const auto begin = line.find('(');
    const auto end = line.rfind(')');
    if (begin == std::string::npos || end == std::string::npos) return std::nullopt;
    Process found;
    found.pid = pid;
    found.name = topicName(line.substr(begin + 1, end - begin - 1));
    std::istringstream rest(line.substr(end + 1));
    std::string skipped;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    std::uint64_t started = 0;
    std::uint64_t pages = 0;
    for (int field = 3; field <= 13; ++field) rest >> skipped;
    rest >> user >> system;
    for (int field = 16; field <= 21; ++field) rest >> skipped;
    rest >> started >> skipped >> pages;
    found.cpuTicks = user + system;
    found.residentBytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    found.age = uptimeSeconds() - static_cast<double>(started) / ticksPerSecond();
    return found;
}

std::map<int, Process> processes()
{
    std::map<int, Process> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error))
    {
        const auto name = entry->path().filename().string();
        int pid = 0;
        const auto [last, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (wrong != std::errc() || last != name.data() + name.size()) continue;
        if (auto one = process(pid)) found.emplace(pid, std::move(*one));
    }
    return found;
}

std::vector<Process> busiestProcesses(const std::map<int, Process>& before, std::size_t count)
{
    std::vector<Process> found;
    for (auto& [pid, one] : processes())
        if (one.residentBytes > 0 && pid != ::getpid())
            found.push_back(one);  // threads of the kernel have no memory
    const auto recent = [&](const Process& one)
    {
        const auto then = before.find(one.pid);
        return then == before.end() ? 0 : one.cpuTicks - std::min(one.cpuTicks, then->second.cpuTicks);
    };
    std::sort(found.begin(), found.end(), [&](const Process& one, const Process& other)
              { return std::tuple(recent(one), one.cpuTicks) > std::tuple(recent(other), other.cpuTicks); });
    found.resize(std::min(found.size(), count > 0 ? count - 1 : 0));
    if (auto self = process(::getpid())) found.push_back(std::move(*self));
    return found;
}

}  // namespace host
