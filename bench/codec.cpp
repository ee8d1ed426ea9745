// What a byte of a message costs on its way: unmasking beside a plain copy, the check that it is UTF-8,
// splitting what came into messages, and reading an envelope beside Boost.JSON's full parse of the same text.

#include "message/envelope.hpp"
#include "websocket/frame.hpp"
#include "websocket/mask.hpp"
#include "websocket/protocol.hpp"
#include "websocket/utf8.hpp"

#include <benchmark/benchmark.h>
#include <boost/json/parse.hpp>

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace
{

using namespace strandcast;

std::vector<std::byte> ascii(benchmark::State& state)
{
    return std::vector<std::byte>(static_cast<std::size_t>(state.range(0)), std::byte{'a'});
}

/// `text` again and again, whole characters of it alone.
std::vector<std::byte> repeated(benchmark::State& state, std::string_view text)
{
    std::vector<std::byte> bytes;
    const auto more = std::as_bytes(std::span(text));
    while (bytes.size() + more.size() <= static_cast<std::size_t>(state.range(0)))
        bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}

void setRate(benchmark::State& state, std::size_t bytes)
{
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

constexpr std::int64_t small = 128;
constexpr std::int64_t large = 64 * 1024;

void copy(benchmark::State& state)
{
    const auto from = ascii(state);
    auto to = from;
    for (auto _ : state)
    {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::ClobberMemory();
    }
    setRate(state, from.size());
}
BENCHMARK(copy)->Arg(small)->Arg(large);

void unmask(benchmark::State& state)
{
    auto bytes = ascii(state);
    const auto mask = makeMask(0x12345678);
    for (auto _ : state)
    {
        applyMask(bytes, mask);
        benchmark::ClobberMemory();
    }
    setRate(state, bytes.size());
}
BENCHMARK(unmask)->Arg(small)->Arg(large);

void checkUtf8(benchmark::State& state, std::string_view text)
{
    const auto bytes = repeated(state, text);
    for (auto _ : state) benchmark::DoNotOptimize(isUtf8(bytes));
    setRate(state, bytes.size());
}
BENCHMARK_CAPTURE(checkUtf8, ascii, "a")->Arg(small)->Arg(large);
BENCHMARK_CAPTURE(checkUtf8, german, "Heizölrückstoßabdämpfung, größtenteils. ")->Arg(large);
BENCHMARK_CAPTURE(checkUtf8, japanese, "吾輩は猫である。名前はまだ無い。")->Arg(large);

const std::string message = R"({"id":"1700000000000-abcdefghi","type":"publish","version":"1.0.0",)"
                            R"("timestamp":1700000000000,"topic":"agent.7.health","data":{"agentId":"7",)"
                            R"("healthy":true,"metrics":{"cpu":12.5,"memory":60}}})";

void readEnvelope(benchmark::State& state)
{
    for (auto _ : state) benchmark::DoNotOptimize(parseMessage(message));
    setRate(state, message.size());
}
BENCHMARK(readEnvelope);

void parseWithBoostJson(benchmark::State& state)
{
    for (auto _ : state) benchmark::DoNotOptimize(boost::json::parse(message));
    setRate(state, message.size());
}
BENCHMARK(parseWithBoostJson);

void writeEvent(benchmark::State& state)
{
    std::string out;
    for (auto _ : state)
    {
        out.clear();
        appendEvent(out, "1700000000000-abcdefghi", Timestamp(std::chrono::milliseconds(1'700'000'000'000)),
                    "agent.7.health", R"({"agentId":"7","healthy":true,"metrics":{"cpu":12.5,"memory":60}})",
                    100'000);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(writeEvent);

/// Messages as a client sends them, so many in one read. Their mask is 0, so that what is unmasked in its
/// place can be read again; the work is the same.
void splitFrames(benchmark::State& state)
{
    const auto count = state.range(0);
    std::string bytes;
    for (std::int64_t index = 0; index < count; ++index)
    {
        std::array<std::byte, maxFrameHeaderSize> header;
        const auto size = encodeFrameHeader({.mask = makeMask(0), .payloadSize = message.size()}, header);
        bytes.append(reinterpret_cast<const char*>(header.data()), size).append(message);
    }
    const ProtocolLimits limits;
    Protocol protocol(Role::server, limits);
    for (auto _ : state)
    {
        protocol.receive(std::as_writable_bytes(std::span(bytes)));
        std::int64_t texts = 0;
        while (protocol.nextWholeText()) ++texts;
        protocol.retain();
        if (texts != count) state.SkipWithError("a message was lost");
    }
    setRate(state, bytes.size());
    state.counters["perMessage"] =
        benchmark::Counter(static_cast<double>(state.iterations() * count),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(splitFrames)->Arg(1)->Arg(16);

}  // namespace

BENCHMARK_MAIN();
