#include "coro/sleep.hpp"
#include "coro/task_group.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/together.hpp"
#include "transport/accepted_socket.hpp"
#include "transport/listener.hpp"
#include "transport/memory.hpp"
#include "transport/outgoing_stream.hpp"
#include "transport/stream.hpp"
#include "transport/tcp.hpp"

#include <strandcast/error.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/system_error.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#ifdef STRANDCAST_TEST_TLS
#include "support/tls_pair.hpp"
#endif

using namespace strandcast;

namespace
{

using Pair = std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>;

struct Kind
{
    std::string_view name;
    std::function<Strand<Pair>(ShardExecutor)> make;
};

Strand<Pair> makeTcpPair(ShardExecutor executor)
{
    Listener listener(executor, TcpAddress{});
    auto one = co_await connectTcp("127.0.0.1", std::get<TcpAddress>(listener.address()).port);
    co_await listener.wait();
    asio::error_code error;
    auto socket = listener.tryAccept(error);
    co_return Pair(std::move(one), std::make_unique<StreamTransport>(executor, std::move(socket)));
}

Strand<Pair> makeUnixPair(ShardExecutor executor)
{
    using UnixSocket = asio::basic_stream_socket<asio::local::stream_protocol, ShardExecutor>;
    UnixSocket one(executor);
    UnixSocket other(executor);
    asio::local::connect_pair(one, other);
    co_return Pair(std::make_unique<OutgoingStream>(StreamSocket(std::move(one))),
                   std::make_unique<StreamTransport>(executor, AcceptedSocket(other.release())));
}

/// Both ends of what is connected are other transports: each is once the one.
Strand<Pair> swapped(Strand<Pair> making)
{
    auto ends = co_await std::move(making);
    co_return Pair(std::move(ends.second), std::move(ends.first));
}

Strand<Pair> makeSwappedTcpPair(ShardExecutor executor)
{
    return swapped(makeTcpPair(executor));
}

Strand<Pair> makeSwappedUnixPair(ShardExecutor executor)
{
    return swapped(makeUnixPair(executor));
}

Strand<Pair> makeMemoryPair(ShardExecutor executor)
{
    co_return makeMemoryTransports(executor);
}

Strand<Pair> makeTinyMemoryPair(ShardExecutor executor)
{
    const MemoryTransportOptions tiny{.capacity = 7, .maxBytesPerRead = 3, .maxBytesPerWrite = 2};
    co_return makeMemoryTransports(executor, tiny, tiny);
}

#ifdef STRANDCAST_TEST_TLS
// A byte each way: then the handshake is done.
Strand<Pair> secureNow(ShardExecutor executor, Pair below)
{
    auto ends = secured(executor, std::move(below));
    const auto exchange = [](Transport& from, Transport& to) -> Strand<>
    {
        co_await writeAll(from, "?");
        const auto got = co_await readUntil(to, 1);
        CHECK(got.bytes == "?");
    };
    co_await together(exchange(*ends.first, *ends.second), exchange(*ends.second, *ends.first));
    co_return ends;
}

Strand<Pair> makeTlsPair(ShardExecutor executor)
{
    return secureNow(executor, makeMemoryTransports(executor));
}

Strand<Pair> makeTlsOverTcpPair(ShardExecutor executor)
{
    auto below = co_await makeTcpPair(executor);
    co_return co_await secureNow(executor, std::move(below));
}

Strand<Pair> makeSwappedTlsOverTcpPair(ShardExecutor executor)
{
    return swapped(makeTlsOverTcpPair(executor));
}
#endif

const std::vector<Kind>& kinds()
{
    static const std::vector<Kind> all = {
        {"memory", makeMemoryPair},
        {"memory in tiny pieces", makeTinyMemoryPair},
        {"tcp", makeTcpPair},
        {"tcp, swapped", makeSwappedTcpPair},
        {"unix", makeUnixPair},
        {"unix, swapped", makeSwappedUnixPair},
#ifdef STRANDCAST_TEST_TLS
        {"tls", makeTlsPair},
        {"tls over tcp", makeTlsOverTcpPair},
        {"tls over tcp, swapped", makeSwappedTlsOverTcpPair},
#endif
    };
    return all;
}

// Runs `body` over each kind of transport.
void overEach(const std::function<Strand<>(Transport& one, Transport& other)>& body)
{
    for (const auto& kind : kinds())
    {
        CAPTURE(kind.name);
        runStrand(
            [&](asio::io_context& io) -> Strand<>
            {
                auto ends = co_await kind.make(io.get_executor());
                co_await body(*ends.first, *ends.second);
            });
    }
}

Strand<> expectAborted(Strand<> wait, int& ended)
{
    try
    {
        co_await std::move(wait);
        FAIL("a wait on a closed stream ended as if it were ready");
    }
    catch (const asio::system_error& error)
    {
        CHECK(error.code() == asio::error::operation_aborted);
    }
    ++ended;
}

// Writes until nothing more is taken.
std::size_t fill(Transport& transport)
{
    const auto bytes = noise(64 * 1024);
    std::size_t written = 0;
    for (;;)
    {
        const auto moved = write(transport, bytes);
        if (moved.outcome == Transfer::Outcome::wouldBlock) return written;
        REQUIRE(moved.outcome == Transfer::Outcome::moved);
        written += moved.size;
        REQUIRE(written < 256 * 1024 * 1024);
    }
}

}  // namespace

TEST_CASE("a stream gives what was written, in order and nothing else, however it is cut")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            // More than a stream holds: reading has to go on beside the writing, in both directions.
            const auto there = noise(300'000);
            const auto back = noise(100'000);
            const auto expect = [](Transport& from, const std::string& sent) -> Strand<>
            {
                const auto received = co_await readUntil(from, sent.size());
                CHECK(received.bytes == sent);
            };
            co_await together(writeAll(one, there), writeAll(other, back), expect(other, there),
                              expect(one, back));
            std::array<std::byte, 16> rest;
            CHECK(one.tryRead(rest).outcome == Transfer::Outcome::wouldBlock);
            CHECK(other.tryRead(rest).outcome == Transfer::Outcome::wouldBlock);
        });
}

TEST_CASE("several buffers leave as one, and empty ones are skipped")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            const std::vector<std::string> texts = {"", "ab", "", "c", "defg", ""};
            std::string all;
            for (const auto& text : texts) all += text;
            std::size_t sent = 0;
            while (sent < all.size())
            {
                // What has left is left out, with the same bytes first.
                std::vector<std::span<const std::byte>> pieces;
                std::size_t skip = sent;
                for (const auto& text : texts)
                {
                    const auto part = std::min(skip, text.size());
                    skip -= part;
                    pieces.push_back(std::as_bytes(std::span(text)).subspan(part));
                }
                const auto moved = one.tryWrite(pieces);
                if (moved.outcome == Transfer::Outcome::wouldBlock)
                {
                    const auto read = co_await readUntil(other, sent);
                    CHECK(read.bytes.size() >= sent);
                    CHECK(all.starts_with(read.bytes));
                    co_return;  // the tiny stream is full, which is all it can show
                }
                REQUIRE(moved.outcome == Transfer::Outcome::moved);
                REQUIRE(moved.size <= all.size() - sent);
                sent += moved.size;
            }
            const auto read = co_await readUntil(other, all.size());
            CHECK(read.bytes == all);
        });
}

TEST_CASE("a stream from which nothing is read would block, and is writable again once it is read")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            const auto written = fill(one);
            CHECK(written > 0);
            bool writable = false;
            const auto waitForRoom = [&]() -> Strand<>
            {
                co_await one.waitWritable();
                writable = true;
                const auto moved = write(one, "x");
                CHECK(moved.outcome == Transfer::Outcome::moved);
            };
            const auto drain = [&]() -> Strand<>
            {
                for (int turn = 0; turn < 5; ++turn) co_await yieldTurn();
                CHECK_FALSE(writable);
                const auto read = co_await readUntil(other, written);
                CHECK(read.bytes.size() >= written);
            };
            co_await together(waitForRoom(), drain());
            CHECK(writable);
        });
}

TEST_CASE("an idle stream would block, and is readable once something comes")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            std::array<std::byte, 16> buffer;
            CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::wouldBlock);
            bool readable = false;
            const auto waitForBytes = [&]() -> Strand<>
            {
                co_await one.waitReadable();
                readable = true;
                CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::moved);
            };
            const auto writeLater = [&]() -> Strand<>
            {
                for (int turn = 0; turn < 5; ++turn) co_await yieldTurn();
                CHECK_FALSE(readable);
                co_await writeAll(other, "y");
            };
            co_await together(waitForBytes(), writeLater());
            CHECK(readable);
        });
}

TEST_CASE("after the end of one direction its reader has all that was written, then the end, and may answer")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            co_await together(writeAll(one, "last"),
                              [](Transport& from) -> Strand<>
                              {
                                  const auto read = co_await readUntil(from, 4);
                                  CHECK(read.bytes == "last");
                              }(other));
            one.shutdownWrite();
            one.shutdownWrite();
            const auto end = co_await readUntil(other, 1);
            CHECK(end.bytes.empty());
            CHECK(end.last.outcome == Transfer::Outcome::end);
            CHECK(write(one, "more").outcome == Transfer::Outcome::failed);

            co_await writeAll(other, "yes");
            const auto answer = co_await readUntil(one, 3);
            CHECK(answer.bytes == "yes");
        });
}

TEST_CASE("that a peer is gone shows behind what is still to be read, whether it ended or closed")
{
    for (const bool closes : {false, true})
        overEach(
            [closes](Transport& one, Transport& other) -> Strand<>
            {
                CHECK_FALSE(one.isPeerGone());
                static_cast<void>(write(other, "un"));
                co_await one.waitReadable();
                CHECK_FALSE(one.isPeerGone());
                if (closes)
                    other.close();
                else
                    other.shutdownWrite();
                CHECK(one.isPeerGone());
                const auto read = co_await readUntil(one, 2);
                CHECK(read.bytes == "un");
                CHECK(one.isPeerGone());
                CHECK(other.isPeerGone() == false);
            });
}

TEST_CASE("closing a stream ends every wait on it, and every attempt fails from then on")
{
    overEach(
        [](Transport& one, Transport&) -> Strand<>
        {
            static_cast<void>(fill(one));
            int ended = 0;
            TaskGroup waits(co_await asio::this_coro::executor);
            waits.spawn(expectAborted(one.waitReadable(), ended));
            waits.spawn(expectAborted(one.waitWritable(), ended));
            co_await yieldTurn();
            CHECK(ended == 0);
            one.close();
            one.close();
            co_await waits.wait();
            CHECK(ended == 2);
            std::array<std::byte, 16> buffer;
            CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::failed);
            CHECK(write(one, "x").outcome == Transfer::Outcome::failed);
            one.shutdownWrite();
            CHECK_FALSE(one.peerAddress().empty());
            co_await expectAborted(one.waitReadable(), ended);
        });
}

TEST_CASE("cancelling a wait leaves the stream as it was")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            {
                TaskGroup waits(co_await asio::this_coro::executor);
                waits.spawn(one.waitReadable());
                waits.spawn(one.waitWritable());
                waits.cancel();
                co_await waits.wait();
            }
            co_await writeAll(other, "still");
            const auto read = co_await readUntil(one, 5);
            CHECK(read.bytes == "still");
        });
}

TEST_CASE("who reads from a stream whose peer is gone comes to an end, and so does who writes to it")
{
    overEach(
        [](Transport& one, Transport& other) -> Strand<>
        {
            other.close();
            const auto read = co_await readUntil(one, 1);
            CHECK(read.bytes.empty());
            CHECK(read.last.outcome != Transfer::Outcome::moved);
            auto outcome = Transfer::Outcome::moved;
            for (int attempt = 0; attempt < 100 && outcome != Transfer::Outcome::failed; ++attempt)
            {
                outcome = write(one, "into the void").outcome;
                if (outcome == Transfer::Outcome::wouldBlock) co_await one.waitWritable();
                co_await yieldTurn();
            }
            CHECK(outcome == Transfer::Outcome::failed);
        });
}

namespace
{

/// Counts what becomes of its wait.
struct CountingWaiter final : Waiter
{
    int resumed = 0;
    int dropped = 0;
    void resume() override { ++resumed; }
    void drop() noexcept override { ++dropped; }
};

}  // namespace

TEST_CASE("who is notified hears of what comes, in a later turn and once, where a stream can tell at all")
{
    std::size_t able = 0;
    overEach(
        [&able](Transport& one, Transport& other) -> Strand<>
        {
            std::array<std::byte, 16> buffer;
            CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::wouldBlock);
            CountingWaiter waiter;
            if (!one.notifyReadable(waiter)) co_return;
            ++able;
            for (int turn = 0; turn < 5; ++turn) co_await yieldTurn();
            CHECK(waiter.resumed == 0);
            co_await writeAll(other, "z");
            for (int turn = 0; turn < 10'000 && waiter.resumed == 0; ++turn) co_await yieldTurn();
            CHECK(waiter.resumed == 1);
            CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::moved);

            CHECK(one.tryRead(buffer).outcome == Transfer::Outcome::wouldBlock);
            REQUIRE(one.notifyReadable(waiter));
            one.close();
            CHECK(waiter.resumed == 1);
            for (int turn = 0; turn < 10'000 && waiter.resumed == 1; ++turn) co_await yieldTurn();
            CHECK(waiter.resumed == 2);
            CHECK_FALSE(one.notifyReadable(waiter));
            CHECK(waiter.dropped == 0);
        });
    CHECK(able == (kinds().size() > 6 ? 6 : 4));  // all that run over a socket
}

TEST_CASE("who is notified is dropped where the io_context goes first")
{
    CountingWaiter waiter;
    CountingWaiter other;
    {
        asio::io_context io(1);
        asio::co_spawn(
            io.get_executor(),
            [](ShardExecutor executor, CountingWaiter& first, CountingWaiter& second) -> Strand<>
            {
                auto ends = co_await makeUnixPair(executor);
                CHECK(ends.first->notifyReadable(first));
                CHECK(ends.second->notifyReadable(second));
                co_await sleepForever();
            }(io.get_executor(), waiter, other),
            asio::detached);
        io.poll();
        CHECK(waiter.dropped == 0);
        CHECK(other.dropped == 0);
    }
    CHECK(waiter.dropped == 1);
    CHECK(waiter.resumed == 0);
    CHECK(other.dropped == 1);
    CHECK(other.resumed == 0);
}
