#include "coro/change_signal.hpp"

#include <strandcast/error.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace strandcast;

namespace
{

/// How a wait ended.
enum class End
{
    none,
    changed,
    cancelled,
};

asio::awaitable<void> waitOnce(const ChangeSignal& signal, std::uint64_t seen, End& end)
{
    try
    {
        co_await signal.changedSince(seen);
        end = End::changed;
    }
    catch (const Error& error)
    {
        CHECK(error.code() == Errc::cancelled);
        end = End::cancelled;
    }
}

/// Its memory is given back with the coroutine that holds it.
asio::awaitable<void> waitHolding(const ChangeSignal& signal, std::shared_ptr<int> held)
{
    co_await signal.changedSince(signal.counted());
    ++*held;
}

}  // namespace

TEST_CASE("who waits for a change is resumed by wake() before it returns, and by change() in a later turn")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    End one = End::none;
    End other = End::none;
    asio::co_spawn(io, waitOnce(signal, 0, one), asio::detached);
    io.poll();
    io.restart();
    CHECK(signal.isAwaited());
    asio::post(io,
               [&]
               {
                   signal.count();
                   CHECK(one == End::none);
                   signal.wake();
                   CHECK(one == End::changed);
                   CHECK_FALSE(signal.isAwaited());
               });
    io.poll();
    io.restart();
    REQUIRE(one == End::changed);

    asio::co_spawn(io, waitOnce(signal, 1, other), asio::detached);
    io.poll();
    io.restart();
    asio::post(io,
               [&]
               {
                   signal.change();
                   CHECK(other == End::none);
               });
    io.poll();
    CHECK(other == End::changed);
}

TEST_CASE("who asks for a change that has been ends at once, and a wake without a change ends no wait")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    signal.count();
    End past = End::none;
    End next = End::none;
    asio::co_spawn(io, waitOnce(signal, 0, past), asio::detached);
    asio::co_spawn(io, waitOnce(signal, 1, next), asio::detached);
    io.poll();
    io.restart();
    CHECK(past == End::changed);
    asio::post(io, [&] { signal.wake(); });
    io.poll();
    io.restart();
    CHECK(next == End::none);
    CHECK(signal.isAwaited());
    asio::post(io, [&] { signal.change(); });
    io.poll();
    CHECK(next == End::changed);
}

TEST_CASE("a wait is cancelled in a later turn, once, also by one that was woken beside it")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    asio::cancellation_signal cancel;
    End first = End::none;
    asio::co_spawn(io, waitOnce(signal, 0, first),
                   asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    io.poll();
    io.restart();
    cancel.emit(asio::cancellation_type::terminal);
    cancel.emit(asio::cancellation_type::terminal);
    CHECK(first == End::none);
    signal.wake();
    CHECK(first == End::none);
    io.poll();
    io.restart();
    CHECK(first == End::cancelled);

    // Whichever is resumed first cancels all others, that were woken as well.
    constexpr std::size_t count = 5;
    std::vector<asio::cancellation_signal> cancels(count);
    std::vector<End> ends(count, End::none);
    for (std::size_t number = 0; number < count; ++number)
        asio::co_spawn(
            io,
            [](const ChangeSignal& waited, std::vector<asio::cancellation_signal>& all, std::size_t own,
               std::vector<End>& how) -> asio::awaitable<void>
            {
                co_await waitOnce(waited, 0, how[own]);
                for (std::size_t one = 0; one < all.size(); ++one)
                    if (one != own) all[one].emit(asio::cancellation_type::terminal);
            }(signal, cancels, number, ends),
            asio::bind_cancellation_slot(cancels[number].slot(), asio::detached));
    io.poll();
    io.restart();
    signal.count();
    asio::post(io, [&] { signal.wake(); });
    io.poll();
    std::size_t changed = 0;
    for (const auto end : ends)
    {
        CHECK(end != End::none);
        if (end == End::changed) ++changed;
    }
    CHECK(changed >= 1);
}

TEST_CASE("what one of those who are resumed throws goes to who runs the io_context, and the others go on")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    std::vector<End> ends(2, End::none);
    const auto throwing = [](const ChangeSignal& waited) -> asio::awaitable<void>
    {
        co_await waited.changedSince(0);
        throw std::runtime_error("mine");
    };
    const auto rethrow = [](const std::exception_ptr& failure)
    {
        if (failure) std::rethrow_exception(failure);
    };
    asio::co_spawn(io, waitOnce(signal, 0, ends[0]), asio::detached);
    asio::co_spawn(io, throwing(signal), rethrow);
    asio::co_spawn(io, waitOnce(signal, 0, ends[1]), asio::detached);
    io.poll();
    io.restart();
    bool hasReturned = false;
    asio::post(io,
               [&]
               {
                   signal.count();
                   signal.wake();
                   hasReturned = true;
               });
    CHECK_THROWS_WITH_AS(io.poll(), "mine", std::runtime_error);
    io.restart();
    io.poll();
    CHECK(hasReturned);
    CHECK(ends == std::vector<End>(2, End::changed));
}

TEST_CASE("who waits on another executor is resumed there")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    // A strand of the same io_context, and a thread of its own.
    const asio::any_io_executor strand = asio::make_strand(io);
    asio::thread_pool pool(1);
    bool onStrand = false;
    std::atomic<bool> isBack = false;
    std::thread::id there;
    asio::co_spawn(
        strand,
        [](const ChangeSignal& waited, bool& isRight) -> asio::awaitable<void>
        {
            co_await waited.changedSince(0);
            const auto own = co_await asio::this_coro::executor;
            isRight = own.target<asio::strand<ShardExecutor>>()->running_in_this_thread();
        }(signal, onStrand),
        asio::detached);
    auto work = asio::make_work_guard(io);
    asio::co_spawn(
        pool,
        [](const ChangeSignal& waited, std::thread::id& where,
           std::atomic<bool>& done) -> asio::awaitable<void>
        {
            co_await waited.changedSince(0);
            where = std::this_thread::get_id();
            done = true;
        }(signal, there, isBack),
        asio::detached);
    // Until both wait.
    for (int turn = 0; turn < 1'000'000 && !signal.isAwaited(); ++turn) io.poll_one();
    asio::post(io,
               [&]
               {
                   signal.count();
                   signal.wake();
               });
    for (int turn = 0; turn < 100'000'000 && !(onStrand && isBack); ++turn) io.poll_one();
    CHECK(onStrand);
    CHECK(isBack);
    CHECK(there != std::this_thread::get_id());
    work.reset();
    pool.join();
}

TEST_CASE("no change that any thread makes is missed")
{
    asio::io_context io(1);
    ChangeSignal signal(io.get_executor());
    constexpr std::uint64_t changes = 20'000;
    std::atomic<std::uint64_t> seen = 0;
    asio::co_spawn(
        io,
        [](const ChangeSignal& waited, std::atomic<std::uint64_t>& last) -> asio::awaitable<void>
        {
            while (last < changes)
            {
                co_await waited.changedSince(last);
                last = waited.counted();
            }
        }(signal, seen),
        asio::detached);
    std::thread other(
        [&]
        {
            for (std::uint64_t change = 0; change < changes; ++change) signal.changeFromAnyThread();
        });
    io.run_for(std::chrono::seconds(60));
    other.join();
    CHECK(seen == changes);
}

TEST_CASE("whoever still waits goes with the io_context")
{
    const auto held = std::make_shared<int>(0);
    {
        asio::io_context io(1);
        const ChangeSignal signal(io.get_executor());
        for (int number = 0; number < 3; ++number)
            asio::co_spawn(io, waitHolding(signal, held), asio::detached);
        io.poll();
        CHECK(held.use_count() == 4);
    }
    CHECK(held.use_count() == 1);
    CHECK(*held == 0);
}

TEST_CASE("what goes with the io_context may cancel who waited")
{
    struct Cancels
    {
        asio::cancellation_signal& signal;
        ~Cancels() { signal.emit(asio::cancellation_type::terminal); }
    };
    asio::cancellation_signal cancel;
    const auto held = std::make_shared<int>(0);
    {
        asio::io_context io(1);
        const ChangeSignal signal(io.get_executor());
        asio::co_spawn(
            io,
            [](asio::io_context& context, const ChangeSignal& waited, asio::cancellation_signal& cancels,
               std::shared_ptr<int> own) -> asio::awaitable<void>
            {
                const Cancels atEnd{cancels};
                asio::co_spawn(context, waitHolding(waited, own),
                               asio::bind_cancellation_slot(cancels.slot(), asio::detached));
                co_await waited.changedSince(0);
            }(io, signal, cancel, held),
            asio::detached);
        io.poll();
        CHECK(held.use_count() > 1);
    }
    CHECK(held.use_count() == 1);
}
