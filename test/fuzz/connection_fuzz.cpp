// A whole connection over a stream in memory, in either role, compressed or not, that echoes what any bytes
// of a peer's say: whole and cut into pieces they get the same answer, and it ends when the peer goes.

#include "../conformance/echo.hpp"
#include "coro/task_group.hpp"
#include "transport/memory.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/random.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

using namespace strandcast;

namespace
{

constexpr std::size_t maxMessage = 5'000;

struct FixedRandom final : Random
{
    std::uint64_t next() override { return 0x5A17C3E95A17C3E9; }
} fixedRandom;

void require(bool isSo)
{
    if (!isSo) std::abort();
}

std::optional<DeflateParameters> deflateOf(std::uint8_t choices)
{
    if ((choices & 2) == 0) return std::nullopt;
    const bool takeover = (choices & 4) != 0;
    DeflateParameters agreed;
    auto& peers = (choices & 1) != 0 ? agreed.server : agreed.client;
    peers = {static_cast<std::uint8_t>(8 + (choices >> 3) % 8), takeover};
    return agreed;
}

Strand<> serve(conformance::Echo& echo, std::string& reason)
{
    const auto ended = co_await echo.run({});
    reason = std::to_string(static_cast<int>(ended.code)) + ended.text;
}

void write(Transport& peer, std::string_view bytes)
{
    const std::array pieces{std::as_bytes(std::span(bytes))};
    const auto moved = peer.tryWrite(pieces);
    require(moved.outcome != Transfer::Outcome::moved || moved.size == bytes.size());
}

void readAll(Transport& peer, std::string& said)
{
    std::array<std::byte, 4096> buffer;
    for (;;)
    {
        const auto moved = peer.tryRead(buffer);
        if (moved.outcome != Transfer::Outcome::moved) return;
        said.append(reinterpret_cast<const char*>(buffer.data()), moved.size);
    }
}

std::string converse(std::uint8_t choices, std::string_view bytes, std::size_t step)
{
    asio::io_context io;
    auto ends = makeMemoryTransports(io.get_executor());
    auto& peer = *ends.second;
    const auto shard = std::make_shared<Shard>(io.get_executor(), Clock::system(), fixedRandom);
    const auto options =
        conformance::connectionOptions((choices & 1) != 0 ? Role::client : Role::server, maxMessage);
    std::string said;
    std::string reason;
    conformance::Echo echo(*shard, std::move(ends.first), options, deflateOf(choices));
    TaskGroup serving(io.get_executor());
    serving.spawn(serve(echo, reason));
    const auto turn = [&]
    {
        io.restart();
        io.poll();
        readAll(peer, said);
    };
    for (std::size_t at = 0; at < bytes.size(); at += step)
    {
        write(peer, bytes.substr(at, step));
        turn();
    }
    peer.close();
    for (int turns = 0; turns < 100 && serving.size() > 0; ++turns) turn();
    require(serving.size() == 0 && shard->tasks().size() == 0);
    return said + reason;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = converse(data[0], bytes, bytes.size() + 1);
    require(converse(data[0], bytes, 1 + data[1] % 64) == whole);
    return 0;
}
