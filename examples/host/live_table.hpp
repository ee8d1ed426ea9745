#pragma once

#include "../terminal.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace host
{

/// What the watcher knows of one agent.
struct Row
{
    bool healthy = true;
    std::optional<double> cpu;     ///< percent
    std::optional<double> memory;  ///< percent
    std::uint64_t events = 0;
    std::chrono::microseconds delivery{};  ///< of the last event
};

/// The agents as a table that is drawn over itself in a terminal, or as a plain line for each event.
class LiveTable
{
public:
    LiveTable();

    [[nodiscard]] bool isLive() const noexcept { return screen_.has_value(); }

    /// Takes what is new of an agent; prints it at once where nothing is drawn.
    void update(const std::string& agent, const Row& row);

    /// Draws all rows, with `headline` above them, where the last drawing stands.
    void draw(const std::string& headline);

private:
    std::optional<terminal::Screen> screen_;  // in a terminal
    std::map<std::string, Row> rows_;
};

}  // namespace host
