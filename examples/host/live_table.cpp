#include "live_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace host
{

namespace
{

constexpr std::size_t nameWidth = 24;

std::string percent(const std::optional<double>& value)
{
    return value ? fmt::format("{:5.1f} %", *value) : std::string("      -");
}

std::string shortened(const std::string& name)
{
    return name.size() <= nameWidth ? name : name.substr(0, nameWidth - 3) + "...";
}

}  // namespace

LiveTable::LiveTable()
{
    if (terminal::isThere()) screen_.emplace();
}

void LiveTable::update(const std::string& agent, const Row& row)
{
    rows_[agent] = row;
    if (isLive()) return;
    fmt::print("agent.{}.health #{}  cpu {}  memory {}  in {} us\n", agent, row.events, percent(row.cpu),
               percent(row.memory), row.delivery.count());
    std::fflush(stdout);
}

void LiveTable::draw(const std::string& headline)
{
    if (!isLive()) return;
    const auto width = terminal::size().width;
    constexpr std::size_t fixedWidth = nameWidth + 2 + 9 + 2 + 9 + 2 + 8 + 2 + 10;
    const auto barWidth = width > fixedWidth + 8 ? std::min<std::size_t>(width - fixedWidth - 3, 30) : 0;

    std::vector<terminal::Line> lines = {
        {headline, terminal::bold},
        {fmt::format("{:<{}}  {:>9}  {}{:>9}  {:>8}  {:>10}", "AGENT", nameWidth, "CPU",
                     std::string(barWidth > 0 ? barWidth + 1 : 0, ' '), "MEMORY", "EVENTS", "DELIVERY"),
         terminal::dim}};
    for (const auto& [agent, row] : rows_)
    {
        const auto load =
            barWidth > 0 ? terminal::bar(row.cpu.value_or(0) / 100, barWidth) + ' ' : std::string();
        lines.push_back(
            {fmt::format("{:<{}}  {:>9}  {}{:>9}  {:>8}  {:>7} us", shortened(agent), nameWidth,
                         percent(row.cpu), load, percent(row.memory), row.events, row.delivery.count()),
             row.healthy ? std::string_view() : terminal::red});
    }
    screen_->draw(lines);
}

}  // namespace host
