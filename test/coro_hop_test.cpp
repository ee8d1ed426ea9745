#include "coro/hop.hpp"
#include "coro/parallel.hpp"
#include "coro/signal.hpp"
#include "coro/sleep.hpp"
#include "coro/task_group.hpp"
#include "support/run.hpp"

#include <asio/experimental/awaitable_operators.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <thread>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// A shard with a thread of its own. Joined before the context that it posts to goes: a thread may still be
/// on its way out of post() when what it posted has long run.
struct OtherThread
{
    asio::io_context io{1};
    asio::executor_work_guard<ShardExecutor> work = asio::make_work_guard(io);
    std::thread thread{[this] { io.run(); }};

    ~OtherThread()
    {
        work.reset();
        thread.join();
    }
};

Strand<std::thread::id> whereAmI()
{
    co_return std::this_thread::get_id();
}

/// Not default-constructible, and it can only be moved.
struct Token
{
    explicit Token(int number) : value(std::make_unique<int>(number)) {}
    std::unique_ptr<int> value;
};

Strand<Token> makeToken(int number)
{
    co_await yieldTurn();
    co_return Token(number);
}

Strand<> fail()
{
    co_await yieldTurn();
    throw Error(Errc::timedOut, "task-7 did not end");
}

Strand<> sleepAndCount(std::atomic<int>* running)
{
    struct Running
    {
        std::atomic<int>* count;
        explicit Running(std::atomic<int>* counted) : count(counted) { ++*count; }
        ~Running() { --*count; }
    };
    const Running counted(running);
    co_await sleepForever();
}

}  // namespace

TEST_CASE("a hop runs its body on the other shard's thread and ends on the caller's")
{
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    runToEnd(
        [&](asio::io_context&) -> asio::awaitable<void>
        {
            OtherThread other;
            there = co_await hop(other.io.get_executor(), whereAmI());
            CHECK(std::this_thread::get_id() == here);
            CHECK(there == other.thread.get_id());
        });
    CHECK(there != here);
}

TEST_CASE("a hop carries a result that can only be moved and has no default")
{
    runToEnd(
        [&](asio::io_context&) -> asio::awaitable<void>
        {
            OtherThread other;
            const auto token = co_await hop(other.io.get_executor(), makeToken(42));
            CHECK(*token.value == 42);
        });
}

TEST_CASE("a hop rethrows what its body throws, with its text")
{
    runToEnd(
        [&](asio::io_context&) -> asio::awaitable<void>
        {
            OtherThread other;
            std::string text;
            try
            {
                co_await hop(other.io.get_executor(), fail());
            }
            catch (const Error& error)
            {
                text = error.what();
            }
            CHECK(text == "task-7 did not end");
        });
}

TEST_CASE("a hook runs on the strand's own thread, and its answer comes back")
{
    asio::io_context io(1);
    int answer = 0;
    TaskGroup tasks(io.get_executor());
    tasks.spawn(
        [](asio::io_context& context, int& result) -> Strand<>
        {
            result =
                co_await callHook(context.get_executor(), []() -> asio::awaitable<int> { co_return 5; }());
        }(io, answer));
    io.run();
    CHECK(answer == 5);
}

TEST_CASE("cancelling a hop's caller cancels its body, and the hop ends after it")
{
    std::atomic<int> running = 0;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            OtherThread other;
            asio::cancellation_signal cancel;
            std::optional<Errc> outcome;
            asio::co_spawn(io, hop(other.io.get_executor(), sleepAndCount(&running)),
                           asio::bind_cancellation_slot(cancel.slot(),
                                                        [&](std::exception_ptr failure)
                                                        {
                                                            CHECK(running == 0);
                                                            try
                                                            {
                                                                if (failure) std::rethrow_exception(failure);
                                                            }
                                                            catch (const Error& error)
                                                            {
                                                                outcome = error.errc();
                                                            }
                                                        }));
            while (running == 0) co_await asio::post(io, asio::use_awaitable);
            cancel.emit(asio::cancellation_type::terminal);
            while (!outcome) co_await asio::post(io, asio::use_awaitable);
            CHECK(outcome == Errc::cancelled);
        });
}

TEST_CASE("hops cancelled at random moments end once each and leave nothing running")
{
    std::atomic<int> running = 0;
    std::mt19937 random(1);
    int ended = 0;
    constexpr int rounds = 2000;
    runToEnd(
        [&](asio::io_context& io) -> asio::awaitable<void>
        {
            OtherThread other;
            for (int round = 0; round < rounds; ++round)
            {
                asio::cancellation_signal cancel;
                const int endedBefore = ended;
                asio::co_spawn(
                    io, hop(other.io.get_executor(), sleepAndCount(&running)),
                    asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { ++ended; }));
                for (auto turns = random() % 8; turns > 0; --turns)
                    co_await asio::post(io, asio::use_awaitable);
                cancel.emit(asio::cancellation_type::terminal);
                while (ended == endedBefore) co_await asio::post(io, asio::use_awaitable);
            }
        });
    CHECK(ended == rounds);
    CHECK(running == 0);
}
