// This machine, as agents: one reports its load, one its memory, and the busiest processes each have one.
// Each agent is a client of its own over a real socket; a watcher subscribes to agent.*.health and draws what
// comes.
//
// Try it:  build/examples/host_agents --seconds 5        the same with | cat        and Ctrl-C in the middle.

#include "host/live_table.hpp"
#include "host/proc.hpp"

#include <strandcast/strandcast.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace
{

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto reportInterval = 500ms;
constexpr auto drawInterval = 250ms;
constexpr auto lastEventsWithin = 5s;  // after the last was sent
constexpr auto sampleTime = 250ms;     // of who is busy
constexpr std::size_t processAgents = 6;

/// What all parts of the demo share, on the one thread that runs it.
struct Demo
{
    asio::io_context& io;
    std::string url;
    std::uint64_t sent = 0;  // and acked by the server
    std::uint64_t received = 0;
    std::map<std::string, std::vector<Clock::time_point>> sentAt =
        {};  // of each agent's events, in their order
    std::vector<std::chrono::microseconds> deliveries = {};

    bool ending = false;
    std::set<asio::steady_timer*> sleeping = {};  // woken when it is time to end
    asio::steady_timer changed{io, Clock::time_point::max()};
    std::size_t running = 0;
    std::exception_ptr failure = {};

    void end()
    {
        ending = true;
        for (auto* const timer : sleeping) timer->cancel();
        changed.cancel();
    }
};

/// Sleeps for a while; false where it is time to end.
asio::awaitable<bool> sleep(Demo& demo, Clock::duration duration)
{
    asio::steady_timer timer(demo.io, duration);
    demo.sleeping.insert(&timer);
    asio::error_code ignored;
    if (!demo.ending) co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    demo.sleeping.erase(&timer);
    co_return !demo.ending;
}

/// Waits for something to happen in the demo, at most until `deadline`.
asio::awaitable<void> waitForChange(Demo& demo, Clock::time_point deadline)
{
    asio::error_code ignored;
    demo.changed.expires_at(deadline);
    co_await demo.changed.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Starts a part of the demo, which waits for its end; the first failure ends them all.
void start(Demo& demo, asio::awaitable<void> part)
{
    ++demo.running;
    asio::co_spawn(demo.io, std::move(part),
                   [&demo](std::exception_ptr failure)
                   {
                       --demo.running;
                       if (failure && !demo.failure) demo.failure = failure;
                       if (failure) demo.end();
                       demo.changed.cancel();
                   });
}

/// What an agent measures: protocol.md's health metrics, or nothing once there is nothing to measure.
using Measure = std::function<std::optional<boost::json::object>()>;

asio::awaitable<void> agent(Demo& demo, std::string id, Measure measure)
{
    strandcast::WSClient client(demo.io, {.url = demo.url});
    co_await client.connect();
    const auto topic = fmt::format("agent.{}.health", id);
    do {
        const auto metrics = measure();
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        boost::json::object health = {
            {"agentId", id},
            {"healthy", metrics.has_value()},
            {"metrics", metrics.value_or(boost::json::object())},
            {"timestamp", std::chrono::floor<std::chrono::milliseconds>(now).count()}};
        demo.sentAt[id].push_back(Clock::now());
        co_await client.publish(topic, std::move(health));
        ++demo.sent;
        if (!metrics) break;  // the process has ended
    } while (co_await sleep(demo, reportInterval));
    co_await client.disconnect();
}

std::optional<double> number(const boost::json::object& metrics, std::string_view name)
{
    const auto* const value = metrics.if_contains(name);
    return value && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

/// Takes one event into the accounts and the table.
void take(Demo& demo, host::LiveTable& table, const strandcast::EventMessage& event)
{
    const auto data = event.data.value().value();
    const auto& health = data.as_object();
    const std::string id(health.at("agentId").as_string());
    const auto sequence = event.sequenceNumber.value();
    const auto delivery = std::chrono::duration_cast<std::chrono::microseconds>(
        Clock::now() - demo.sentAt.at(id).at(sequence - 1));
    ++demo.received;
    demo.deliveries.push_back(delivery);
    const auto& metrics = health.at("metrics").as_object();
    table.update(id, {.healthy = health.at("healthy").as_bool(),
                      .cpu = number(metrics, "cpu"),
                      .memory = number(metrics, "memory"),
                      .events = sequence,
                      .delivery = delivery});
    demo.changed.cancel();
}

asio::awaitable<void> watch(Demo& demo, host::LiveTable& table,
                            strandcast::EventStream<strandcast::Delivery> events)
{
    while (const auto delivery = co_await events.next())
        if (const auto* const event = std::get_if<strandcast::EventMessage>(&*delivery))
            take(demo, table, *event);
}

asio::awaitable<void> draw(Demo& demo, host::LiveTable& table, Clock::time_point end)
{
    do {
        const auto left = std::chrono::ceil<std::chrono::seconds>(end - Clock::now()).count();
        table.draw(fmt::format("{} agents of this machine, over {}; {} s left, or Ctrl-C", demo.sentAt.size(),
                               demo.url, std::max<long>(left, 0)));
    } while (co_await sleep(demo, drawInterval));
    table.draw(fmt::format("{} agents of this machine, over {}", demo.sentAt.size(), demo.url));
}

Measure measureLoad()
{
    return []
    {
        return boost::json::object{{"cpu", std::min(100.0, 100 * host::loadAverage() / host::coreCount())},
                                   {"uptime", host::uptimeSeconds()}};
    };
}

Measure measureMemory()
{
    return []
    { return boost::json::object{{"memory", host::memoryUsedPercent()}, {"uptime", host::uptimeSeconds()}}; };
}

/// The share of one core that a process used since it was measured last.
Measure measureProcess(const host::Process& first)
{
    return [before = first, at = Clock::now()]() mutable -> std::optional<boost::json::object>
    {
        const auto now = Clock::now();
        const auto found = host::process(before.pid);
        if (!found) return std::nullopt;
        const double seconds = std::chrono::duration<double>(now - at).count();
        const double used =
            static_cast<double>(found->cpuTicks - std::min(found->cpuTicks, before.cpuTicks)) /
            host::ticksPerSecond();
        const double memory = 100 * static_cast<double>(found->residentBytes) / host::memoryTotalBytes();
        before = *found;
        at = now;
        return boost::json::object{
            {"cpu", seconds > 0.1 ? std::min(100.0 * host::coreCount(), 100 * used / seconds) : 0.0},
            {"memory", memory},
            {"uptime", found->age}};
    };
}

void startAgents(Demo& demo, const std::map<int, host::Process>& before)
{
    start(demo, agent(demo, "load", measureLoad()));
    start(demo, agent(demo, "memory", measureMemory()));
    for (const auto& process : host::busiestProcesses(before, processAgents))
        start(demo, agent(demo, fmt::format("{}-{}", process.name, process.pid), measureProcess(process)));
}

/// Prints what it came to; false where an event was lost.
bool summarize(Demo& demo)
{
    const auto lost = demo.sent - std::min(demo.sent, demo.received);
    auto& deliveries = demo.deliveries;
    std::sort(deliveries.begin(), deliveries.end());
    const auto median = deliveries.empty() ? 0 : deliveries[deliveries.size() / 2].count();
    fmt::print("{} events sent, {} received, {} lost; delivered in {} us at the median\n", demo.sent,
               demo.received, lost, median);
    return lost == 0;
}

asio::awaitable<int> runDemo(asio::io_context& io, std::chrono::milliseconds duration)
{
    // Agents report for as long as the demo runs: the limit on each client's messages is for strangers.
    strandcast::WSServer server(io, {.port = 0, .rateLimit = std::nullopt});
    strandcast::WSRouter router(server);
    co_await server.start();

    Demo demo{.io = io, .url = fmt::format("ws://127.0.0.1:{}", server.port())};
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait(
        [&](const asio::error_code& error, int)
        {
            if (!error) demo.end();
        });
    asio::steady_timer clock(io, duration);
    clock.async_wait(
        [&](const asio::error_code& error)
        {
            if (!error) demo.end();
        });

    host::LiveTable table;
    strandcast::WSClient watcher(io, {.url = demo.url});
    co_await watcher.connect();
    start(demo, watch(demo, table, co_await watcher.subscribe("agent.*.health")));
    const auto before = host::processes();
    if (co_await sleep(demo, sampleTime)) startAgents(demo, before);
    start(demo, draw(demo, table, Clock::now() + duration));

    while (demo.running > 1) co_await waitForChange(demo, Clock::time_point::max());  // all but the watcher
    const auto lastEvents = Clock::now() + lastEventsWithin;
    while (demo.received < demo.sent && Clock::now() < lastEvents) co_await waitForChange(demo, lastEvents);
    co_await watcher.disconnect();
    while (demo.running > 0) co_await waitForChange(demo, Clock::time_point::max());

    signals.cancel();
    clock.cancel();
    co_await server.shutdown();
    if (demo.failure) std::rethrow_exception(demo.failure);
    co_return summarize(demo) ? 0 : 1;
}

/// The value of `--seconds N`; nothing where the arguments are others.
std::optional<double> secondsOf(int argc, char** argv)
{
    if (argc == 1) return 15;
    if (argc != 3 || std::string_view(argv[1]) != "--seconds") return std::nullopt;
    char* end = nullptr;
    const double seconds = std::strtod(argv[2], &end);
    if (*end != '\0' || end == argv[2] || !(seconds > 0) || seconds > 86'400) return std::nullopt;
    return seconds;
}

}  // namespace

int main(int argc, char** argv)
{
    const auto seconds = secondsOf(argc, argv);
    if (!seconds)
    {
        fmt::print(stderr, "usage: host_agents [--seconds N]\n");
        return 2;
    }
    asio::io_context io(1);
    int code = 1;
    asio::co_spawn(io, runDemo(io, std::chrono::milliseconds(static_cast<long>(*seconds * 1000))),
                   [&](std::exception_ptr failure, int result)
                   {
                       code = result;
                       if (failure) std::rethrow_exception(failure);
                   });
    try
    {
        io.run();
    }
    catch (const std::exception& error)
    {
        fmt::print(stderr, "host_agents: {}\n", error.what());
        return 1;
    }
    return code;
}
