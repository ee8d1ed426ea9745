#include "commands.hpp"
#include "disconnection.hpp"
#include "line_writer.hpp"
#include "report.hpp"
#include "run_until_signal.hpp"
#include "trust.hpp"

#include <strandcast/message.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
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
    std::string caFile;
    std::optional<std::string> proxy;
    bool json = false;
};

WSClientOptions optionsOf(const SubArguments& arguments)
{
    WSClientOptions options;
    options.url = arguments.url;
    options.token = arguments.token;
    options.tls = trustFor(arguments.url, arguments.caFile);
    options.proxy = arguments.proxy;
    options.reconnect = false;
    // A reader such as a pager pauses, and would rather wait than miss something.
    options.queueSize = 100'000;
    options.queueBytes = 64 * 1024 * 1024;
    options.keepText = arguments.json;
    return options;
}

std::string lineOf(const EventMessage& event)
{
    auto line = event.wireText
                    ? event.wireText->text()
                    : fmt::format("{}{} {}", printable(event.topic),
                                  event.sequenceNumber ? fmt::format(" #{}", *event.sequenceNumber) : "",
                                  event.data ? event.data->text() : std::string());
    // Within JSON a line end is white space alone; in a string it is escaped.
    std::replace_if(
        line.begin(), line.end(), [](char character) { return character == '\n' || character == '\r'; }, ' ');
    return line += '\n';
}

void reportDropped(const Gap& gap)
{
    report(fmt::format("{} events were dropped: this reader is too slow",
                       gap.missed ? std::to_string(*gap.missed) : std::string("some")));
}

/// After the gap that a lost connection leaves; the reason has come before it.
void reportLoss(EventStream<Lifecycle>& lifecycle, const std::string& url)
{
    while (const auto happened = lifecycle.tryNext())
        if (const auto* const end = std::get_if<Disconnected>(&*happened))
            return report(describeLoss(url, end->reason));
}

/// Prints until nobody reads, the connection is lost, or Ctrl-C.
asio::awaitable<int> printEvents(LineWriter& output, std::shared_ptr<EventStream<Delivery>> events,
                                 EventStream<Lifecycle>& lifecycle, const std::string& url)
{
    // Also where nothing comes that could not be written.
    output.onReaderGone(
        [reading = std::weak_ptr(events)]
        {
            if (const auto stream = reading.lock()) stream->close();
        });
    while (const auto delivery = co_await events->next())
    {
        if (const auto* const event = std::get_if<EventMessage>(&*delivery))
        {
            if (!co_await output.write(lineOf(*event))) co_return 0;
            continue;
        }
        const auto* const gap = std::get_if<Gap>(&*delivery);
        if (gap && gap->reason == Gap::Reason::disconnected)
        {
            reportLoss(lifecycle, url);
            co_return 1;
        }
        if (gap) reportDropped(*gap);
    }
    co_return 0;
}

asio::awaitable<int> sub(asio::io_context& io, SubArguments arguments)
{
    LineWriter output(io);
    WSClient client(io, optionsOf(arguments));
    auto lifecycle = client.lifecycle();
    co_await client.connect();
    int code = 0;
    std::exception_ptr failure;
    try
    {
        auto events = std::make_shared<EventStream<Delivery>>(co_await client.subscribe(arguments.patterns));
        report("subscribed");
        code = co_await printEvents(output, std::move(events), lifecycle, arguments.url);
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await client.disconnect();
    if (failure) std::rethrow_exception(failure);
    co_return code;
}

}  // namespace

void addSub(CLI::App& app, Run& run)
{
    auto arguments = std::make_shared<SubArguments>();
    auto* command = app.add_subcommand("sub", "Print the events of topics, a line each, until Ctrl-C");
    command->add_option("URL", arguments->url, "Where the server is: ws:// or wss://host[:port][/path]")
        ->required();
    command->add_option("PATTERN", arguments->patterns, "Topics, or patterns: * is one segment, # any number")
        ->required();
    command->add_option("--token", arguments->token, "The token to authenticate with");
    command->add_option("--proxy", arguments->proxy,
                        "HTTP proxy to go through: http://[user[:password]@]host[:port]");
    command->add_option("--ca", arguments->caFile,
                        "PEM file of the authorities to trust with wss://, instead of the system's");
    command->add_flag("--json", arguments->json, "Print each event as it came from the wire");
    command->footer(
        "Prints 'strandcast: subscribed' to standard error when events can come. Exit code 0 after\n"
        "Ctrl-C, SIGTERM, or when nobody reads its output any more; 1 where the connection is lost.");
    command->callback(
        [arguments, &run]
        {
            run = [arguments]
            { return runUntilSignal([arguments](asio::io_context& io) { return sub(io, *arguments); }); };
        });
}

}  // namespace tool
