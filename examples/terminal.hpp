#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace terminal
{

struct Size
{
    std::size_t width = 80;
    std::size_t height = 24;
};

/// Whether standard output is a terminal.
[[nodiscard]] bool isThere();

[[nodiscard]] Size size();

/// A bar of `width` cells, of which `share` (0 to 1) is filled; what is not a cell wide yet is a thinner
/// block.
[[nodiscard]] std::string bar(double share, std::size_t width);

/// The first `width` characters of a text in UTF-8, none of which is wider than a cell.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);

struct Line
{
    std::string text;
    std::string_view style = {};  ///< a control sequence
};

inline constexpr std::string_view bold = "\x1b[1m";
inline constexpr std::string_view dim = "\x1b[2m";
inline constexpr std::string_view red = "\x1b[31m";
inline constexpr std::string_view green = "\x1b[32m";

/// Lines that are drawn over themselves, with the cursor hidden meanwhile.
class Screen
{
public:
    Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen();

    /// Where the last drawing stands.
    void draw(const std::vector<Line>& lines);

private:
    std::size_t drawnLines_ = 0;
};

}  // namespace terminal
