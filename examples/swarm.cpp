// A swarm at work: a coordinator and its workers, each with a client of its own over a real socket, digest
// every file of a directory with SHA-256. Three of them vote on the digest of each large file. One worker is
// killed midway, and others take over what it leaves. A watcher draws what it hears.
//
// Try it:  ./dev demo        ./dev demo /usr/include/asio        ./dev demo | cat        and Ctrl-C in the
// middle.

#include "swarm/board.hpp"
#include "swarm/coordinator.hpp"
#include "swarm/digest.hpp"
#include "swarm/files.hpp"
#include "swarm/parts.hpp"
#include "swarm/watcher.hpp"
#include "swarm/worker.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace
{

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t workers = 4;
constexpr auto drawInterval = 100ms;

struct Arguments
{
    std::filesystem::path root = STRANDCAST_ROOT;
    double seconds = 15;       // about; 0 is as fast as it can
    std::string digests = {};  // the file to write them to
};

/// What a worker pauses after each part of a file, so that all of it takes about the time that is wanted: one
/// of them will be killed.
std::chrono::microseconds pauseFor(const std::vector<swarm::File>& files, double seconds)
{
    std::uintmax_t parts = 0;
    for (const auto& file : files) parts += file.size / swarm::partSizeOf(file.size) + 1;
    return std::chrono::microseconds(static_cast<long>(
        1e6 * seconds * (workers - 1) / static_cast<double>(std::max<std::uintmax_t>(parts, 1))));
}

asio::awaitable<void> drawRegularly(asio::io_context& io, swarm::Board& board)
{
    asio::steady_timer timer(io);
    for (;;)
    {
        board.draw();
        timer.expires_after(drawInterval);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

/// The workers, of which each can be killed.
class Workers
{
public:
    Workers(asio::io_context& io, const swarm::Job& job)
    {
        for (std::size_t number = 1; number <= workers; ++number)
        {
            auto id = fmt::format("worker-{}", number);
            agents_.emplace(id, std::make_unique<Agent>(io, job, id));
        }
    }

    void start()
    {
        for (auto& [id, agent] : agents_) agent->parts.start(agent->worker->run());
    }

    /// It leaves no goodbye: its connection breaks, and what it did is left as it is.
    asio::awaitable<void> kill(std::string id)
    {
        auto& agent = *agents_.at(id);
        co_await agent.parts.end();
        agent.worker.reset();
        killed_ = id;
    }

    asio::awaitable<void> leave()
    {
        for (auto& [id, agent] : agents_)
        {
            if (!agent->worker) continue;
            co_await agent->worker->leave();
            co_await agent->parts.wait();
        }
    }

    /// However far they are.
    asio::awaitable<void> end()
    {
        for (auto& [id, agent] : agents_) co_await agent->parts.end();
    }

    [[nodiscard]] const std::string& killed() const noexcept { return killed_; }

private:
    struct Agent
    {
        Agent(asio::io_context& io, const swarm::Job& job, const std::string& id)
            : parts(io),
              worker(std::make_unique<swarm::Worker>(io, job, id))
        {
        }

        swarm::Parts parts;
        std::unique_ptr<swarm::Worker> worker;
    };

    std::map<std::string, std::unique_ptr<Agent>> agents_;
    std::string killed_;
};

/// As sha256sum prints them.
void writeDigests(const std::string& path, const std::vector<swarm::Outcome>& outcomes)
{
    std::ofstream file(path, std::ios::binary);
    for (const auto& outcome : outcomes) file << outcome.digest << "  " << outcome.file.path.native() << '\n';
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path);
}

/// Prints what it came to; false where a file has no digest.
bool summarize(const swarm::Coordinator& coordinator, const std::string& killed,
               std::chrono::duration<double> took)
{
    std::uintmax_t bytes = 0;
    std::size_t failed = 0;
    std::size_t voted = 0;
    for (const auto& outcome : coordinator.outcomes())
    {
        bytes += outcome.file.size;
        if (outcome.votes) ++voted;
        if (outcome.failure.empty()) continue;
        ++failed;
        fmt::print("{}: {}\n", swarm::encodePath(outcome.file.path), outcome.failure);
    }
    fmt::print("{} files, {} bytes digested in {:.1f} s, {} failed\n", coordinator.done(), bytes,
               took.count(), failed);
    fmt::print("{} digests voted on", voted);
    if (!killed.empty()) fmt::print("; {} was killed, {} tasks taken over", killed, coordinator.takenOver());
    fmt::print("\n");
    return failed == 0;
}

asio::awaitable<void> runSwarm(asio::io_context& io, Arguments arguments, int& code)
{
    auto files = swarm::filesBelow(arguments.root);
    // The limits on each client's messages and subscriptions are for strangers.
    strandcast::WSServer server(io, {.port = 0, .rateLimit = std::nullopt});
    strandcast::WSRouter router(server, {.maxSubscriptionsPerClient = 10'000, .queueSize = 100'000});
    swarm::Channels channels(router);
    co_await server.start();

    swarm::Job job{.root = arguments.root,
                   .url = fmt::format("ws://127.0.0.1:{}", server.port()),
                   .pause = pauseFor(files, arguments.seconds)};
    swarm::Board board(
        fmt::format("{} workers digest {} files of {}", workers, files.size(), job.root.string()),
        fmt::format("Listen: build/strandcast sub {} 'task.*'", job.url), files.size());
    swarm::Watcher watcher(io, job, board);
    swarm::Coordinator coordinator(io, job, channels, std::move(files));
    Workers agents(io, job);
    swarm::Parts parts(io);
    coordinator.onThirdDone(
        [&](std::string id)
        {
            board.tell(fmt::format("{} is killed", id));
            parts.start(agents.kill(std::move(id)));
        });

    const auto began = Clock::now();
    std::exception_ptr failure;
    try
    {
        co_await watcher.start();
        agents.start();
        parts.start(drawRegularly(io, board));
        co_await coordinator.run(workers);
        co_await agents.leave();
        co_await server.shutdown();
        co_await watcher.seeTheRest();
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await parts.end();
    co_await agents.end();
    co_await watcher.end();
    co_await server.shutdown();
    if (failure) std::rethrow_exception(failure);
    board.draw();
    if (!arguments.digests.empty()) writeDigests(arguments.digests, coordinator.outcomes());
    code = summarize(coordinator, agents.killed(), Clock::now() - began) ? 0 : 1;
}

std::optional<double> secondsOf(std::string_view text)
{
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool isInRange = seconds >= 0 && seconds <= 86'400;
    if (error != std::errc() || end != text.data() + text.size() || !isInRange) return std::nullopt;
    return seconds;
}

/// Nothing where the arguments are others.
std::optional<Arguments> argumentsOf(int argc, char** argv)
{
    Arguments arguments;
    const std::vector<std::string> words(argv + 1, argv + argc);
    bool isRootGiven = false;
    for (std::size_t at = 0; at < words.size(); ++at)
    {
        const bool hasValue = at + 1 < words.size();
        if (words[at] == "--seconds" && hasValue)
        {
            const auto seconds = secondsOf(words[++at]);
            if (!seconds) return std::nullopt;
            arguments.seconds = *seconds;
        }
        else if (words[at] == "--digests" && hasValue)
        {
            arguments.digests = words[++at];
        }
        else if (!words[at].starts_with('-') && !std::exchange(isRootGiven, true))
        {
            arguments.root = words[at];
        }
        else
        {
            return std::nullopt;
        }
    }
    return arguments;
}

int run(const Arguments& arguments)
{
    asio::io_context io(1);
    int code = 1;
    int received = 0;
    asio::signal_set signals(io, SIGINT, SIGTERM);
    swarm::Parts all(io);
    signals.async_wait(
        [&](const asio::error_code& error, int signal)
        {
            if (error) return;
            received = signal;
            all.cancel();
        });
    all.start(runSwarm(io, arguments, code));
    asio::co_spawn(io, all.wait(),
                   [&](const std::exception_ptr& failure)
                   {
                       signals.cancel();
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run();
    return received != 0 ? 128 + received : code;
}

}  // namespace

int main(int argc, char** argv)
{
    const auto arguments = argumentsOf(argc, argv);
    if (!arguments)
    {
        fmt::print(stderr, "usage: swarm [DIRECTORY] [--seconds N] [--digests FILE]\n");
        return 2;
    }
    try
    {
        return run(*arguments);
    }
    catch (const std::filesystem::filesystem_error& error)
    {
        fmt::print(stderr, "swarm: cannot read {}: {}\n", error.path1().string(), error.code().message());
        return 1;
    }
    catch (const std::exception& error)
    {
        fmt::print(stderr, "swarm: {}\n", error.what());
        return 1;
    }
}
