#include "terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace terminal
{

bool isThere()
{
    return ::isatty(STDOUT_FILENO) == 1;
}

Size size()
{
    ::winsize found{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0) return {};
    return {found.ws_col, found.ws_row};
}

std::string bar(double share, std::size_t width)
{
    constexpr std::string_view blocks[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double cells = std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
    const auto eighths = static_cast<std::size_t>(std::llround(cells * 8));
    std::string drawn;
    for (std::size_t cell = 0; cell < eighths / 8; ++cell) drawn += "█";
    if (eighths / 8 < width) drawn += blocks[eighths % 8];
    const auto used = eighths / 8 + (eighths / 8 < width && eighths % 8 != 0 ? 1 : 0);
    return drawn + std::string(width - used, ' ');
}

std::string cut(std::string_view text, std::size_t width)
{
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++at)
    {
        const bool isFirstByte = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
        if (isFirstByte && ++characters > width) return std::string(text.substr(0, at));
    }
    return std::string(text);
}

Screen::Screen()
{
    fmt::print("\x1b[?25l");  // no cursor jumping about
}

Screen::~Screen()
{
    fmt::print("\x1b[?25h");
    std::fflush(stdout);
}

void Screen::draw(const std::vector<Line>& lines)
{
    const auto width = size().width;
    std::string screen;
    if (drawnLines_ > 0) screen += fmt::format("\x1b[{}A", drawnLines_);
    // A line that wraps would be two to draw over.
    for (const auto& line : lines)
        screen += fmt::format("\r\x1b[2K{}{}\x1b[0m\n", line.style, cut(line.text, width));
    screen += "\x1b[J";  // what stood there before, if it was longer
    drawnLines_ = lines.size();
    std::fwrite(screen.data(), 1, screen.size(), stdout);
    std::fflush(stdout);
}

}  // namespace terminal
