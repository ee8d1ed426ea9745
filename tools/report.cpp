#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

namespace tool
{

std::string printable(std::string text)
{
    std::replace_if(
        text.begin(), text.end(), [](char character)
        { return static_cast<unsigned char>(character) < 0x20 || character == 0x7f; }, '?');
    return text;
}

void report(std::string_view text)
{
    const auto line = "strandcast: " + printable(std::string(text)) + '\n';
    static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

}  // namespace tool
