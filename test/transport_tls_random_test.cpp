#include "coro/sleep.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/strict_transport.hpp"
#include "support/tls_pair.hpp"
#include "support/together.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

// In buffers of any size, a few at a time, some of them empty.
Strand<> writeInPieces(Transport& to, std::string text, unsigned seed)
{
    std::minstd_rand random(seed);
    std::size_t sent = 0;
    std::size_t firstSize = 0;  // of the buffer that was begun, or has to come first again
    while (sent < text.size())
    {
        std::vector<std::span<const std::byte>> pieces;
        std::size_t end = sent;
        for (int count = 0; count < 5 && end < text.size(); ++count)
        {
            auto size = std::min<std::size_t>(random() % (count % 2 == 0 ? 4 : 3'000), text.size() - end);
            if (firstSize > 0) size = std::exchange(firstSize, 0);
            pieces.push_back(std::as_bytes(std::span(text)).subspan(end, size));
            end += size;
        }
        if (end == sent) continue;
        const auto transfer = to.tryWrite(pieces);
        REQUIRE(transfer.outcome != Transfer::Outcome::failed);
        std::size_t left = transfer.outcome == Transfer::Outcome::moved ? transfer.size : 0;
        sent += left;
        for (const auto piece : pieces)
        {
            if (left < piece.size())
            {
                if (left > 0 || transfer.outcome == Transfer::Outcome::wouldBlock)
                    firstSize = piece.size() - left;
                break;
            }
            left -= piece.size();
        }
        if (transfer.outcome == Transfer::Outcome::wouldBlock) co_await to.waitWritable();
    }
}

Strand<> expect(Transport& from, std::string text, unsigned seed)
{
    std::minstd_rand random(seed);
    std::string got;
    std::vector<std::byte> buffer(20'000);
    while (got.size() < text.size())
    {
        const auto transfer = from.tryRead(std::span(buffer).first(1 + random() % buffer.size()));
        REQUIRE(transfer.outcome != Transfer::Outcome::failed);
        REQUIRE(transfer.outcome != Transfer::Outcome::end);
        if (transfer.outcome == Transfer::Outcome::moved)
            got.append(reinterpret_cast<const char*>(buffer.data()), transfer.size);
        else
            co_await from.waitReadable();
        if (random() % 8 == 0) co_await yieldTurn();
    }
    CHECK(got == text);
}

// All at once, from the first byte of the handshake on.
void exchange(MemoryTransportOptions there, MemoryTransportOptions back, std::size_t size, unsigned seed)
{
    CAPTURE(seed);
    runStrand(
        [&](asio::io_context& io) -> Strand<>
        {
            auto below = makeMemoryTransports(io.get_executor(), there, back);
            below.first = std::make_unique<StrictTransport>(std::move(below.first));
            below.second = std::make_unique<StrictTransport>(std::move(below.second));
            const auto ends = secured(io.get_executor(), std::move(below));
            const auto request = noise(size);
            const auto answer = noise(size / 2 + 1);
            co_await together(writeInPieces(*ends.first, request, seed),
                              writeInPieces(*ends.second, answer, seed + 1),
                              expect(*ends.first, answer, seed + 2), expect(*ends.second, request, seed + 3));
            ends.first->shutdownWrite();
            const auto end = co_await readUntil(*ends.second, 1);
            CHECK(end.last.outcome == Transfer::Outcome::end);
        });
}

}  // namespace

TEST_CASE("over a stream that moves a byte at a time TLS gives what was written, both ways at once")
{
    const MemoryTransportOptions bytewise{.capacity = 1, .maxBytesPerRead = 1, .maxBytesPerWrite = 1};
    exchange(bytewise, bytewise, 5'000, 1);
    exchange(bytewise, {}, 5'000, 2);
    exchange({}, bytewise, 5'000, 3);
}

TEST_CASE("over a stream of any granularity TLS gives what was written, both ways at once")
{
    std::random_device entropy;
    for (int round = 0; round < 30; ++round)
    {
        const auto seed = static_cast<unsigned>(entropy());
        std::minstd_rand random(seed);
        const auto some = [&]
        {
            return MemoryTransportOptions{.capacity = 1 + random() % 30'000,
                                          .maxBytesPerRead = 1 + random() % 20'000,
                                          .maxBytesPerWrite = 1 + random() % 20'000};
        };
        const auto there = some();
        const auto back = some();
        exchange(there, back, 100'000, seed);
    }
}

TEST_CASE("a stream that breaks at any attempt ends TLS over it at both ends")
{
    for (std::size_t failing = 1; failing <= 60; ++failing)
    {
        CAPTURE(failing);
        runStrand(
            [&](asio::io_context& io) -> Strand<>
            {
                const MemoryTransportOptions cut{
                    .maxBytesPerRead = 200, .maxBytesPerWrite = 300, .failingAttempt = failing};
                const auto ends =
                    secured(io.get_executor(), makeMemoryTransports(io.get_executor(), cut, {}));
                const auto talk = [](Transport& end, bool& isOver) -> Strand<>
                {
                    std::array<std::byte, 100> buffer;
                    auto read = end.tryRead(buffer);
                    for (int attempt = 0; attempt < 1'000; ++attempt)
                    {
                        const auto written = write(end, "some text that goes on");
                        if (read.outcome == Transfer::Outcome::failed ||
                            read.outcome == Transfer::Outcome::end)
                            break;
                        if (read.outcome == Transfer::Outcome::wouldBlock &&
                            written.outcome == Transfer::Outcome::wouldBlock)
                            co_await end.waitReadable();
                        else
                            co_await yieldTurn();
                        read = end.tryRead(buffer);
                    }
                    isOver = read.outcome != Transfer::Outcome::moved;
                    end.close();
                };
                bool isOneOver = false;
                bool isOtherOver = false;
                co_await together(talk(*ends.first, isOneOver), talk(*ends.second, isOtherOver));
                CHECK(isOneOver);
                CHECK(isOtherOver);
            });
    }
}
