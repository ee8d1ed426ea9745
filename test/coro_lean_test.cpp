#include "coro/lean_strand.hpp"
#include "coro/signal.hpp"
#include "coro/sleep.hpp"
#include "support/run.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <utility>

using namespace strandcast;

namespace
{

/// What a frame holds, which tells when it goes.
struct Held
{
    int& gone;
    ~Held() { ++gone; }
};

/// Sleeps until a signal is notified.
struct Notified
{
    Signal& signal;

    static bool await_ready() noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> frame)
    {
        return SleepingFrame::sleep(frame, [this](auto woken) { signal.whenNotified(woken); });
    }
    static void await_resume() noexcept {}
};

LeanStrand waitFor(Signal& signal, std::unique_ptr<Held> held, int& resumed)
{
    co_await Notified{signal};
    ++resumed;
    held.reset();
}

/// The same where the frame itself holds what it waits for.
LeanStrand waitForOwn(std::unique_ptr<Signal> signal, std::unique_ptr<Held> held, int& resumed)
{
    co_await Notified{*signal};
    ++resumed;
    held.reset();
}

}  // namespace

TEST_CASE("a lean strand begins at once, sleeps, and goes on in a later turn, once")
{
    asio::io_context io(1);
    Signal signal(io.get_executor());
    int gone = 0;
    int resumed = 0;
    waitFor(signal, std::make_unique<Held>(gone), resumed);
    CHECK(gone == 0);
    signal.notify();
    CHECK(resumed == 0);
    io.run();
    CHECK(resumed == 1);
    CHECK(gone == 1);
    signal.notify();
    io.restart();
    io.run();
    CHECK(resumed == 1);
}

TEST_CASE("a lean strand that sleeps goes with the io_context that would have resumed it")
{
    int gone = 0;
    int resumed = 0;
    {
        asio::io_context io(1);
        waitForOwn(std::make_unique<Signal>(io.get_executor()), std::make_unique<Held>(gone), resumed);
        io.poll();
        CHECK(gone == 0);
    }
    CHECK(gone == 1);
    CHECK(resumed == 0);
}

TEST_CASE("what a wait throws as it begins is thrown into the strand, which is awake")
{
    struct Broken
    {
        static bool await_ready() noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> frame)
        {
            return SleepingFrame::sleep(frame,
                                        [](const auto& ended)
                                        {
                                            const auto begun = ended;
                                            throw std::runtime_error("no room");
                                        });
        }
        static void await_resume() noexcept {}
    };
    int gone = 0;
    bool caught = false;
    [](std::unique_ptr<Held> held, bool& told) -> LeanStrand
    {
        try
        {
            co_await Broken();
        }
        catch (const std::runtime_error&)
        {
            told = true;
        }
        held.reset();
    }(std::make_unique<Held>(gone), caught);
    CHECK(caught);
    CHECK(gone == 1);
}

TEST_CASE("a wait that is over as it begins goes straight on")
{
    struct Over
    {
        static bool await_ready() noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> frame)
        {
            return SleepingFrame::sleep(frame, [](auto ended) { ended(); });
        }
        static void await_resume() noexcept {}
    };
    int rounds = 0;
    [](int& done) -> LeanStrand
    {
        for (; done < 100'000; ++done) co_await Over();
    }(rounds);
    CHECK(rounds == 100'000);
}

TEST_CASE("a lean strand awaits a strand of Asio's, and goes on also where that one fails")
{
    asio::io_context io(1);
    int ended = 0;
    const auto yields = [](int turns) -> Strand<>
    {
        for (int turn = 0; turn < turns; ++turn) co_await yieldTurn();
    };
    const auto fails = []() -> Strand<>
    {
        throw std::runtime_error("broken");
        co_return;
    };
    [](ShardExecutor executor, auto first, auto second, int& count) -> LeanStrand
    {
        co_await LeanWait(executor, first(3));
        ++count;
        co_await LeanWait(executor, first(0));
        ++count;
        co_await LeanWait(executor, second());
        ++count;
    }(io.get_executor(), yields, fails, ended);
    CHECK(ended == 0);
    io.run();
    CHECK(ended == 3);
}
