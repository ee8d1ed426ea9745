#include "commands.hpp"
#include "line_reader.hpp"
#include "run_until_signal.hpp"

#include <strandcast/error.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tool
{

namespace
{

using namespace strandcast;

struct PubArguments
{
    std::string url;
    std::string topic;
    std::string json;
    std::optional<std::string> token;
    bool broadcast = false;
};

/// Publishes without waiting for each answer, up to a bound, and counts what was refused.
class Pipeline
{
public:
    Pipeline(asio::io_context& io, WSClient& client, const PubArguments& arguments)
        : io_(io),
          client_(client),
          arguments_(arguments),
          changed_(io, asio::steady_timer::time_point::max())
    {
    }

    /// Starts one publish, once there is room. `where` is what a refusal names it by.
    asio::awaitable<void> publish(std::string text, std::string where)
    {
        std::optional<Json> json = parse(std::move(text), where);
        if (!json) co_return;
        co_await waitWhile(maxInFlight);
        ++inFlight_;
        // The pipeline is awaited to its end before it goes, by finish().
        asio::co_spawn(io_, publishOne(std::move(*json), std::move(where)),
                       [this](std::exception_ptr)
                       {
                           --inFlight_;
                           changed_.cancel();
                       });
    }

    /// Waits for all answers, and tells how many publishes were not accepted.
    asio::awaitable<std::size_t> finish()
    {
        co_await waitWhile(1);
        co_return refused_;
    }

private:
    static constexpr std::size_t maxInFlight = 256;

    asio::awaitable<void> waitWhile(std::size_t tooMany)
    {
        while (inFlight_ >= tooMany)
        {
            asio::error_code notified;
            co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, notified));
        }
    }

    std::optional<Json> parse(std::string text, const std::string& where)
    {
        try
        {
            return Json::parse(text);
        }
        catch (const Error& error)
        {
            refuse(where, error.what());
            return std::nullopt;
        }
    }

    asio::awaitable<void> publishOne(Json json, std::string where)
    {
        try
        {
            co_await client_.publish(arguments_.topic, std::move(json),
                                     arguments_.broadcast ? Broadcast::yes : Broadcast::no);
        }
        catch (const std::exception& error)
        {
            refuse(where, error.what());
        }
    }

    void refuse(const std::string& where, const std::string& why)
    {
        ++refused_;
        fmt::print(stderr, "strandcast: {}: {}\n", where, why);
    }

    asio::io_context& io_;
    WSClient& client_;
    const PubArguments& arguments_;
    asio::steady_timer changed_;
    std::size_t inFlight_ = 0;
    std::size_t refused_ = 0;
};

asio::awaitable<void> publishLines(asio::io_context& io, Pipeline& pipeline)
{
    LineReader lines(io);
    std::uint64_t number = 0;
    while (auto line = co_await lines.next())
    {
        ++number;
        if (line->find_first_not_of(" \t") == std::string::npos) continue;
        co_await pipeline.publish(std::move(*line), fmt::format("line {}", number));
    }
}

asio::awaitable<int> pub(asio::io_context& io, PubArguments arguments)
{
    WSClient client(io, {.url = arguments.url, .token = arguments.token});
    co_await client.connect();
    Pipeline pipeline(io, client, arguments);
    std::exception_ptr failure;
    try
    {
        if (arguments.json == "-")
            co_await publishLines(io, pipeline);
        else
            co_await pipeline.publish(arguments.json, arguments.topic);
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    const bool wasCancelled = co_await takeCancellation();
    if (wasCancelled) co_await client.disconnect();  // which answers what is open
    const auto refused = co_await pipeline.finish();
    if (!wasCancelled) co_await client.disconnect();
    if (failure && !wasCancelled) std::rethrow_exception(failure);
    co_return refused == 0 ? 0 : 1;
}

}  // namespace

void addPub(CLI::App& app, Run& run)
{
    auto arguments = std::make_shared<PubArguments>();
    auto* command = app.add_subcommand("pub", "Publish JSON on a topic, and wait until the server has it");
    command->add_option("URL", arguments->url, "Where the server is: ws://host[:port][/path]")->required();
    command->add_option("TOPIC", arguments->topic, "What to publish on")->required();
    command->add_option("JSON", arguments->json, "A JSON value; or - for one per line of standard input")
        ->required();
    command->add_option("--token", arguments->token, "The token to authenticate with");
    command->add_flag("--broadcast", arguments->broadcast, "Also to this client itself, were it subscribed");
    command->footer("Exit code 1 where something was refused: each with its reason on standard error.");
    command->callback(
        [arguments, &run]
        {
            run = [arguments]
            { return runUntilSignal([arguments](asio::io_context& io) { return pub(io, *arguments); }); };
        });
}

}  // namespace tool
