#include "commands.hpp"
#include "disconnection.hpp"
#include "line_reader.hpp"
#include "report.hpp"
#include "run_until_signal.hpp"
#include "trust.hpp"

#include <strandcast/error.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

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
    std::string caFile;
    std::optional<std::string> proxy;
    bool broadcast = false;
};

/// Publishes without waiting for each answer, up to a bound, and counts what was refused. It is not let go of
/// before finish() has ended.
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
        const auto size = json->text().size() + arguments_.topic.size();
        while (inFlight_ >= maxInFlight || (inFlight_ > 0 && bytesInFlight_ + size > maxBytesInFlight))
            co_await waitForAnswer();
        ++inFlight_;
        bytesInFlight_ += size;
        start(publishOne(std::move(*json), std::move(where), size));
    }

    /// Closes `lines` when the connection is lost: what still came of them would be refused, and it may be
    /// long in coming.
    void watchFor(LineReader& lines) { start(watch(client_.lifecycle(), lines)); }

    /// Waits for all answers.
    asio::awaitable<void> drain()
    {
        while (inFlight_ > 0) co_await waitForAnswer();
    }

    /// Takes leave of the server, and counts what has no answer as not published. Not to be cancelled.
    asio::awaitable<void> finish()
    {
        isFinishing_ = true;
        co_await client_.disconnect();
        while (running_ > 0) co_await waitForAnswer();
    }

    [[nodiscard]] bool isAllPublished() const noexcept { return refused_ == 0 && !isLost_; }

private:
    static constexpr std::size_t maxInFlight = 256;
    // Also less than what makes a client's publishes wait for one another, and perhaps pass one another.
    static constexpr std::size_t maxBytesInFlight = 512 * 1024;

    void start(asio::awaitable<void> strand)
    {
        ++running_;
        asio::co_spawn(io_, std::move(strand),
                       [this](std::exception_ptr)
                       {
                           --running_;
                           changed_.cancel();
                       });
    }

    asio::awaitable<void> waitForAnswer()
    {
        asio::error_code notified;
        co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, notified));
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

    asio::awaitable<void> publishOne(Json json, std::string where, std::size_t size)
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
        --inFlight_;
        bytesInFlight_ -= size;
    }

    asio::awaitable<void> watch(EventStream<Lifecycle> lifecycle, LineReader& lines)
    {
        while (const auto happened = co_await lifecycle.next())
        {
            const auto* const end = std::get_if<Disconnected>(&*happened);
            if (!end || isFinishing_) continue;
            isLost_ = true;
            report(describeLoss(arguments_.url, end->reason));
            lines.close();
        }
    }

    void refuse(const std::string& where, const std::string& why)
    {
        ++refused_;
        report(where + ": " + why);
    }

    asio::io_context& io_;
    WSClient& client_;
    const PubArguments& arguments_;
    asio::steady_timer changed_;
    std::size_t running_ = 0;   // strands of this object
    std::size_t inFlight_ = 0;  // publishes without an answer
    std::size_t bytesInFlight_ = 0;
    std::size_t refused_ = 0;
    bool isLost_ = false;
    bool isFinishing_ = false;
};

asio::awaitable<void> publishLines(LineReader& lines, Pipeline& pipeline)
{
    pipeline.watchFor(lines);
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
    WSClient client(io, {.url = arguments.url,
                         .tls = trustFor(arguments.url, arguments.caFile),
                         .proxy = arguments.proxy,
                         .token = arguments.token,
                         .reconnect = false});
    co_await client.connect();
    Pipeline pipeline(io, client, arguments);
    std::optional<LineReader> lines;
    std::exception_ptr failure;
    try
    {
        if (arguments.json == "-")
            co_await publishLines(lines.emplace(io), pipeline);
        else
            co_await pipeline.publish(arguments.json, arguments.topic);
        co_await pipeline.drain();
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await pipeline.finish();
    if (failure) std::rethrow_exception(failure);
    co_return pipeline.isAllPublished() ? 0 : 1;
}

}  // namespace

void addPub(CLI::App& app, Run& run)
{
    auto arguments = std::make_shared<PubArguments>();
    auto* command = app.add_subcommand("pub", "Publish JSON on a topic, and wait until the server has it");
    command->add_option("URL", arguments->url, "Where the server is: ws:// or wss://host[:port][/path]")
        ->required();
    command->add_option("TOPIC", arguments->topic, "What to publish on")->required();
    command->add_option("JSON", arguments->json, "A JSON value; or - for one per line of standard input")
        ->required();
    command->add_option("--token", arguments->token, "The token to authenticate with");
    command->add_option("--proxy", arguments->proxy,
                        "HTTP proxy to go through: http://[user[:password]@]host[:port]");
    command->add_option("--ca", arguments->caFile,
                        "PEM file of the authorities to trust with wss://, instead of the system's");
    command->add_flag("--broadcast", arguments->broadcast, "Also to this client itself, were it subscribed");
    command->footer(
        "Exit code 1 where something was refused, each with its reason on standard error, or the\n"
        "connection was lost; 130 and 143 where Ctrl-C and SIGTERM came before all was published.\n"
        "A JSON value that begins with a minus is written behind --");
    command->callback(
        [arguments, &run]
        {
            run = [arguments]
            {
                return runUntilSignal([arguments](asio::io_context& io) { return pub(io, *arguments); },
                                      Interruption::isFailure);
            };
        });
}

}  // namespace tool
