#pragma once

#include "connection/peer_connection.hpp"
#include "connection/shard.hpp"
#include "coro/sleep.hpp"
#include "coro/task_group.hpp"
#include "support/fake_clock.hpp"
#include "support/run.hpp"
#include "support/strict_transport.hpp"
#include "support/wire.hpp"
#include "transport/memory.hpp"

#include <strandcast/random.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a connection told its owner.
struct Heard final : strandcast::ConnectionHandler
{
    std::vector<std::string> texts;
    std::vector<std::string> dropped;  ///< topics
    std::vector<strandcast::DropReason> reasons;
    std::size_t deadlines = 0;
    std::size_t sent = 0;
    std::function<void(std::string_view)> whenText = [](std::string_view) {};
    std::function<void(std::span<const std::byte>)> whenBinary = [](std::span<const std::byte>) {};

    void onText(std::string_view text) override
    {
        texts.emplace_back(text);
        whenText(text);
    }
    void onBinary(std::span<const std::byte> bytes) override { whenBinary(bytes); }
    void onDeadline() override { ++deadlines; }
    void onSent() override { ++sent; }
    void onEventDropped(std::string_view topic, strandcast::DropReason reason) noexcept override
    {
        dropped.emplace_back(topic);
        reasons.push_back(reason);
    }
};

/// The other end of a connection's stream, in the test's hands.
struct StreamEnd
{
    std::unique_ptr<strandcast::Transport> transport;
    std::string unsent;
    std::string received;
    bool ended = false;

    /// Writes what the stream takes; the rest waits for the next call.
    void write(std::string_view bytes = {})
    {
        unsent += bytes;
        while (!unsent.empty())
        {
            const std::array pieces{std::as_bytes(std::span(unsent))};
            const auto moved = transport->tryWrite(pieces);
            if (moved.outcome != strandcast::Transfer::Outcome::moved) return;
            unsent.erase(0, moved.size);
        }
    }

    /// Reads at most `most` bytes of what is there.
    void read(std::size_t most = static_cast<std::size_t>(-1))
    {
        std::array<std::byte, 4096> buffer;
        while (most > 0 && !ended)
        {
            const auto moved = transport->tryRead(std::span(buffer).first(std::min(most, buffer.size())));
            if (moved.outcome == strandcast::Transfer::Outcome::wouldBlock) return;
            ended = moved.outcome != strandcast::Transfer::Outcome::moved;
            received.append(reinterpret_cast<const char*>(buffer.data()), moved.size);
            most -= std::min(most, moved.size);
        }
    }

    [[nodiscard]] std::vector<wire::Frame> frames()
    {
        read();
        std::vector<wire::Frame> all;
        while (auto frame = wire::takeFrame(received)) all.push_back(std::move(*frame));
        return all;
    }
};

inline strandcast::Strand<> turns(int count = 30)
{
    for (int turn = 0; turn < count; ++turn) co_await strandcast::yieldTurn();
}

/// A connection on a stream in memory, on a shard with a clock that the test moves.
struct ConnectionBench
{
    FakeClock clock;
    std::shared_ptr<strandcast::Shard> shard;
    strandcast::ConnectionOptions options;
    Heard heard;
    StreamEnd peer;
    std::unique_ptr<strandcast::PeerConnection> connection;
    std::optional<strandcast::CloseReason> reason;  ///< once it is over
    strandcast::TaskGroup sweeping;
    strandcast::TaskGroup serving;

    explicit ConnectionBench(strandcast::ShardExecutor executor, strandcast::ConnectionOptions given = {},
                             strandcast::MemoryTransportOptions ours = {},
                             strandcast::MemoryTransportOptions theirs = {})
        : shard(std::make_shared<strandcast::Shard>(executor, clock, strandcast::Random::system())),
          options(std::move(given)),
          sweeping(executor),
          serving(executor)
    {
        auto ends = strandcast::makeMemoryTransports(executor, ours, theirs);
        peer.transport = std::move(ends.second);
        connection = std::make_unique<strandcast::PeerConnection>(
            *shard, std::make_unique<StrictTransport>(std::move(ends.first)), options, heard);
        sweeping.spawn(strandcast::Shard::sweep(shard));
    }

    void start(std::string received = {}) { serving.spawn(serve(*this, std::move(received))); }

    strandcast::Strand<> stop()
    {
        serving.cancel();
        co_await serving.wait();
        connection.reset();
        sweeping.cancel();
        co_await sweeping.wait();
        CHECK(shard->tasks().size() == 0);
        CHECK(clock.armed() == 0);
    }

    /// Lets time pass in steps that no deadline can hide in.
    strandcast::Strand<> pass(std::chrono::milliseconds time)
    {
        const auto step = std::chrono::milliseconds(10);
        for (; time > std::chrono::milliseconds(0); time -= step)
        {
            clock.advance(step);
            co_await turns(4);
        }
    }

private:
    static strandcast::Strand<> serve(ConnectionBench& bench, std::string received)
    {
        auto reason = co_await bench.connection->run(std::move(received));
        bench.reason = std::move(reason);
    }
};

/// Runs `body` with a connection that has begun, and ends everything after it.
inline void withConnection(const std::function<strandcast::Strand<>(ConnectionBench&)>& body,
                           const strandcast::ConnectionOptions& options = {},
                           strandcast::MemoryTransportOptions ours = {},
                           strandcast::MemoryTransportOptions theirs = {})
{
    runStrand(
        [&](asio::io_context& io) -> strandcast::Strand<>
        {
            ConnectionBench bench(io.get_executor(), options, ours, theirs);
            bench.start();
            co_await turns();
            co_await body(bench);
            co_await bench.stop();
        });
}
