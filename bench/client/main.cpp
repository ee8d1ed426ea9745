// What a client costs, in CPU time of this process: receiving beside a reader that only parses frames, and
// publishing beside a writer of prepared text. Prints a line of JSON, with microseconds for each event.
//
//   client events strandcast|taking|raw WINDOW BYTES EVENTS [CORE]
//   client publishes strandcast|raw PORT WINDOW BYTES EVENTS
//
// Events come from a source of its own, which runs on CORE; publishes go to a server. `taking` takes what is
// there by tryNext().

#include "client/publishers.hpp"
#include "client/readers.hpp"
#include "client/source.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace
{

using namespace bench;

void print(std::int64_t count, std::int64_t nanoseconds)
{
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               count, static_cast<double>(nanoseconds) / 1000 / static_cast<double>(count));
}

void receive(std::string_view kind, const Feed& feed)
{
    const SharedCount taken;
    Reading reading(taken, feed.events);
    {
        const Source source(feed, taken);
        if (kind == "raw")
            readRaw(source.port(), reading);
        else
            readEvents(source.port(), reading, kind == "taking");
    }
    print(reading.measured(), reading.used());
}

int usage()
{
    std::fputs("usage: client events strandcast|taking|raw WINDOW BYTES EVENTS [CORE]\n"
               "       client publishes strandcast|raw PORT WINDOW BYTES EVENTS\n",
               stderr);
    return 2;
}

}  // namespace

int main(int count, char** arguments)
{
    const std::vector<std::string_view> words(arguments + 1, arguments + count);
    if (words.size() < 2) return usage();
    const auto kind = words[1];
    std::vector<std::int64_t> numbers;
    for (std::size_t index = 2; index < words.size(); ++index)
        numbers.push_back(std::strtoll(words[index].data(), nullptr, 10));
    const auto at = [&](std::size_t index) { return static_cast<std::size_t>(numbers[index]); };
    const bool isKnown = kind == "strandcast" || kind == "raw";
    if (words[0] == "events" && (isKnown || kind == "taking") && (numbers.size() == 3 || numbers.size() == 4))
    {
        const int core = numbers.size() == 4 ? static_cast<int>(numbers[3]) : -1;
        receive(kind, {.window = at(0), .dataSize = at(1), .events = numbers[2], .core = core});
    }
    else if (words[0] == "publishes" && isKnown && numbers.size() == 4)
    {
        const Publishing work{static_cast<std::uint16_t>(at(0)), at(1), at(2),
                              static_cast<std::uint64_t>(numbers[3])};
        print(numbers[3], (kind == "raw" ? publishRaw : publishEvents)(work));
    }
    else
        return usage();
    return 0;
}
