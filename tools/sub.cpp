#include "commands.hpp"
#include "run_until_signal.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message_serializer.hpp>
#include <strandcast/ws_client.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tool
{

namespace
{

using namespace strandcast;

struct SubArguments
{
    std::string url;
    std::vector<std::string> patterns;
    std::optional<std::string> token;
    bool json = false;
};

std::string lineOf(const EventMessage& event, bool json)
{
    std::string line;
    if (json)
        line = MessageSerializer().serialize(event);
    else
        line = fmt::format("{}{} {}", event.topic,
                           event.sequenceNumber ? fmt::format(" #{}", *event.sequenceNumber) : std::string(),
                           event.data ? event.data->text() : std::string());
    // Within JSON a line end is white space alone; in a string it is escaped.
    std::replace_if(
        line.begin(), line.end(), [](char character) { return character == '\n' || character == '\r'; }, ' ');
    return line += '\n';
}

/// False where nobody reads any more.
bool print(const std::string& line)
{
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
}

/// Prints until nobody reads, the connection is lost, or Ctrl-C.
asio::awaitable<int> printEvents(EventStream<Delivery> events, const SubArguments& arguments)
{
    while (const auto delivery = co_await events.next())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*delivery))
        {
            if (!print(lineOf(*event, arguments.json))) co_return 0;
            continue;
        }
        const auto* const gap = std::get_if<Gap>(&*delivery);
        if (!gap) continue;
        if (gap->reason == Gap::Reason::disconnected)
        {
            fmt::print(stderr, "strandcast: the connection to {} is lost\n", arguments.url);
            co_return 1;
        }
        fmt::print(stderr, "strandcast: {} events were dropped: this reader is too slow\n",
                   gap->missed ? std::to_string(*gap->missed) : std::string("some"));
    }
    co_return 0;
}

asio::awaitable<int> sub(asio::io_context& io, SubArguments arguments)
{
    WSClient client(io, {.url = arguments.url, .token = arguments.token});
    co_await client.connect();
    int code = 0;
    try
    {
        auto events = co_await client.subscribe(arguments.patterns);
        fmt::print(stderr, "strandcast: subscribed\n");
        code = co_await printEvents(std::move(events), arguments);
    }
    catch (const Error& error)
    {
        if (error.errc() != Errc::cancelled) throw;
    }
    static_cast<void>(co_await takeCancellation());
    co_await client.disconnect();
    co_return code;
}

}  // namespace

void addSub(CLI::App& app, Run& run)
{
    auto arguments = std::make_shared<SubArguments>();
    auto* command = app.add_subcommand("sub", "Print the events of topics, a line each, until Ctrl-C");
    command->add_option("URL", arguments->url, "Where the server is: ws://host[:port][/path]")->required();
    command->add_option("PATTERN", arguments->patterns, "Topics, or patterns: * is one segment, # any number")
        ->required();
    command->add_option("--token", arguments->token, "The token to authenticate with");
    command->add_flag("--json", arguments->json, "Print each event as it came from the wire");
    command->footer("Prints 'strandcast: subscribed' to standard error when events can come.");
    command->callback(
        [arguments, &run]
        {
            run = [arguments]
            { return runUntilSignal([arguments](asio::io_context& io) { return sub(io, *arguments); }); };
        });
}

}  // namespace tool
