#include "support/outcome.hpp"
#include "support/pooled.hpp"
#include "support/served.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/error.hpp>
#include <strandcast/shard_pool.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

constexpr int publishesOfEach = 60;

/// What clients had before the server closed them.
struct Heard
{
    std::set<std::string> acked = {};                ///< what they published
    std::vector<std::set<std::string>> events = {};  ///< what each of them got
    std::vector<std::string> ends = {};
    int frames = 0;
};

/// Hears everything until the end.
asio::awaitable<void> hear(RawPeer& peer, std::size_t place, Heard& heard)
{
    while (const auto frame = co_await peer.frame())
    {
        ++heard.frames;
        if (frame->opcode == wire::close)
        {
            heard.ends.push_back(fmt::format("{} {}", wire::closeCode(*frame), frame->payload.substr(2)));
            co_await peer.sendClose(1001);
            continue;
        }
        const auto message = boost::json::parse(frame->payload).as_object();
        if (message.at("type") == "ack") heard.acked.emplace(message.at("messageId").as_string());
        if (message.at("type") == "event") heard.events[place].emplace(message.at("data").as_string());
    }
}

asio::awaitable<void> publishAll(RawPeer& peer, std::size_t place)
{
    try
    {
        for (int number = 0; number < publishesOfEach; ++number)
        {
            const auto id = fmt::format("{}-{}", place, number);
            co_await peer.send(
                request("publish", id, fmt::format(R"("topic":"t","data":"{}","broadcast":true)", id)));
            co_await turnsOfLoop(static_cast<int>(place % 3));
        }
    }
    catch (const std::system_error&)
    {
        // The connection is over.
    }
}

/// Shuts the server down in the middle of what its clients publish, who hear it out.
asio::awaitable<void> shutDownUnderLoad(asio::io_context& io, WSServer& server, int moment, Heard& heard)
{
    constexpr std::size_t clients = 6;
    std::vector<RawPeer> peers;
    for (std::size_t place = 0; place < clients; ++place)
    {
        peers.emplace_back(io);
        co_await peers.back().join(server.port());
        const auto answer = co_await peers.back().ask(request("subscribe", "s", R"("topics":["t"])"));
        CHECK(brief(answer) == "ack s");
    }
    heard.events.resize(clients);
    std::vector<Beside> running;
    for (std::size_t place = 0; place < clients; ++place)
    {
        running.emplace_back(io.get_executor(), hear(peers[place], place, heard));
        running.emplace_back(io.get_executor(), publishAll(peers[place], place));
    }
    co_await until([&] { return heard.frames >= moment; });
    co_await server.shutdown();
    for (auto& one : running)
    {
        const auto outcome = co_await one.ended();
        CHECK(outcome.went());
    }
    CHECK(heard.ends == std::vector<std::string>(clients, "1001 Server shutting down"));
    for (const auto& events : heard.events) CHECK(std::ranges::includes(events, heard.acked));
}

WSServerOptions patient()
{
    return {.port = 0, .closeTimeout = 10s, .rateLimit = std::nullopt};
}

RouterOptions roomForAll()
{
    return {.queueSize = 100'000};
}

// Which moments are in the middle is up to the machine: where none was, there are more rounds.
bool isAnotherRound(int round, int rounds, int inTheMiddle)
{
    return round < rounds || (inTheMiddle == 0 && round < 10 * rounds);
}

}  // namespace

TEST_CASE("at a shutdown every client has every event whose publish was acked, and then 1001")
{
    int inTheMiddle = 0;
    for (int round = 0; isAnotherRound(round, 10, inTheMiddle); ++round)
    {
        const int moment = 200 * (round % 10);
        CAPTURE(moment);
        Heard heard;
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                Served served(io, patient());
                served.router.emplace(served.server, roomForAll());
                co_await served.server.start();
                co_await shutDownUnderLoad(io, served.server, moment, heard);
            });
        if (!heard.acked.empty() && heard.acked.size() < 6 * publishesOfEach) ++inTheMiddle;
    }
    CHECK(inTheMiddle > 0);
}

TEST_CASE("at a shutdown of a pool every client on every shard has every event whose publish was acked")
{
    int inTheMiddle = 0;
    for (int round = 0; isAnotherRound(round, 20, inTheMiddle); ++round)
    {
        const int moment = 100 * (round % 20);
        CAPTURE(moment);
        Heard heard;
        runToEnd(
            [&](asio::io_context& io) -> asio::awaitable<void>
            {
                const ShardPool pool(3);
                WSServer server(pool, patient());
                const WSRouter router(server, roomForAll());
                co_await server.start();
                co_await shutDownUnderLoad(io, server, moment, heard);
            });
        if (!heard.acked.empty() && heard.acked.size() < 6 * publishesOfEach) ++inTheMiddle;
    }
    CHECK(inTheMiddle > 0);
}

TEST_CASE("when a shutdown returns, nothing of the server runs: hooks, half upgrades, deaf clients, streams")
{
    for (int moment = 0; moment < 12; ++moment)
    {
        CAPTURE(moment);
        asio::io_context io(1);
        auto inHook = std::make_shared<int>(0);
        auto options = onFreePort({.rateLimit = std::nullopt});
        options.authenticate = [inHook](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
        {
            struct Inside
            {
                std::shared_ptr<int> count;
                explicit Inside(std::shared_ptr<int> counter) : count(std::move(counter)) { ++*count; }
                Inside(const Inside&) = delete;
                Inside& operator=(const Inside&) = delete;
                ~Inside() { --*count; }
            } const inside(inHook);
            for (;;) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        };
        Served served(io, options);
        served.router.emplace(served.server);
        bool returned = false;
        asio::co_spawn(
            io,
            [&]() -> asio::awaitable<void>
            {
                co_await served.server.start();
                auto deaf = co_await served.peer(4096);
                auto asked = co_await served.peer();
                co_await asked.send(request("auth", "a", R"("token":"t")"));
                RawPeer half(io);
                co_await half.connect(served.server.port());
                co_await half.write("GET / HTTP/1.1\r\n");
                co_await turnsOfLoop(moment);
                co_await served.server.shutdown();
                returned = true;
                CHECK(*inHook == 0);
            },
            asio::detached);
        while (!returned && io.run_one_for(10s) > 0)
        {
        }
        REQUIRE(returned);
        // What is left is what the peers of the test leave behind, ready to run.
        io.poll();
        CHECK(io.stopped());
    }
}
