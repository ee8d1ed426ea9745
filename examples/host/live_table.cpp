#include "live_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace host
{

namespace
{

constexpr std::size_t nameWidth = 24;

std::size_t terminalWidth()
{
    ::winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

std::string percent(const std::optional<double>& value)
{
    return value ? fmt::format("{:5.1f} %", *value) : std::string("      -");
}

/// A bar of `width` cells; what is not a cell wide yet is a thinner block.
std::string bar(const std::optional<double>& value, std::size_t width)
{
    constexpr std::string_view blocks[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double share = std::clamp(value.value_or(0) / 100, 0.0, 1.0);
    const auto eighths = static_cast<std::size_t>(std::llround(share * static_cast<double>(width) * 8));
    std::string drawn;
    for (std::size_t cell = 0; cell < eighths / 8; ++cell) drawn += "█";
    if (eighths / 8 < width) drawn += blocks[eighths % 8];
    const auto used = eighths / 8 + (eighths / 8 < width && eighths % 8 != 0 ? 1 : 0);
    return drawn + std::string(width - used, ' ');
}

std::string shortened(const std::string& name)
{
    return name.size() <= nameWidth ? name : name.substr(0, nameWidth - 3) + "...";
}

}  // namespace

LiveTable::LiveTable() : isLive_(::isatty(STDOUT_FILENO) == 1)
{
    if (isLive_) fmt::print("\x1b[?25l");  // no cursor jumping about
}

LiveTable::~LiveTable()
{
    if (isLive_) fmt::print("\x1b[?25h");
    std::fflush(stdout);
}

void LiveTable::update(const std::string& agent, const Row& row)
{
    rows_[agent] = row;
    if (isLive_) return;
    fmt::print("agent.{}.health #{}  cpu {}  memory {}  in {} us\n", agent, row.events, percent(row.cpu),
               percent(row.memory), row.delivery.count());
    std::fflush(stdout);
}

void LiveTable::draw(const std::string& headline)
{
    if (!isLive_) return;
    const auto width = terminalWidth();
    constexpr std::size_t fixedWidth = nameWidth + 2 + 9 + 2 + 9 + 2 + 8 + 2 + 10;
    const auto barWidth = width > fixedWidth + 8 ? std::min<std::size_t>(width - fixedWidth - 3, 30) : 0;

    std::string screen;
    std::size_t lines = 0;
    const auto line = [&](std::string_view style, const std::string& text)
    {
        // A line that wraps would be two to draw over. Where it is too narrow for bars all is ASCII, a cell a
        // byte.
        screen += fmt::format("\r\x1b[2K{}{}\x1b[0m\n", style, barWidth > 0 ? text : text.substr(0, width));
        ++lines;
    };
    if (drawnLines_ > 0) screen += fmt::format("\x1b[{}A", drawnLines_);
    line("\x1b[1m", headline);
    line("\x1b[2m",
         fmt::format("{:<{}}  {:>9}  {}{:>9}  {:>8}  {:>10}", "AGENT", nameWidth, "CPU",
                     std::string(barWidth > 0 ? barWidth + 1 : 0, ' '), "MEMORY", "EVENTS", "DELIVERY"));
    for (const auto& [agent, row] : rows_)
    {
        const auto load = barWidth > 0 ? bar(row.cpu, barWidth) + ' ' : std::string();
        line(row.healthy ? "" : "\x1b[31m",
             fmt::format("{:<{}}  {:>9}  {}{:>9}  {:>8}  {:>7} us", shortened(agent), nameWidth,
                         percent(row.cpu), load, percent(row.memory), row.events, row.delivery.count()));
    }
    drawnLines_ = lines;
    std::fwrite(screen.data(), 1, screen.size(), stdout);
    std::fflush(stdout);
}

}  // namespace host
