// What a byte of a message costs on its way: unmasking and checking beside a plain copy, and reading an
// envelope beside Boost.JSON's full parse of the same text.

#include "message/envelope.hpp"
#include "websocket/mask.hpp"
#include "websocket/utf8.hpp"

#include <benchmark/benchmark.h>
#include <boost/json/parse.hpp>

#include <cstring>
#include <string>
#include <vector>

namespace
{

std::vector<std::byte> text(benchmark::State& state)
{
    return std::vector<std::byte>(static_cast<std::size_t>(state.range(0)), std::byte{'a'});
}

void setRate(benchmark::State& state)
{
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void copy(benchmark::State& state)
{
    const auto from = text(state);
    auto to = from;
    for (auto _ : state)
    {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::ClobberMemory();
    }
    setRate(state);
}
BENCHMARK(copy)->Arg(128)->Arg(64 * 1024);

void unmask(benchmark::State& state)
{
    auto bytes = text(state);
    const auto mask = strandcast::makeMask(0x12345678);
    for (auto _ : state)
    {
        strandcast::applyMask(bytes, mask);
        benchmark::ClobberMemory();
    }
    setRate(state);
}
BENCHMARK(unmask)->Arg(128)->Arg(64 * 1024);

void checkUtf8(benchmark::State& state)
{
    const auto bytes = text(state);
    for (auto _ : state) benchmark::DoNotOptimize(strandcast::isUtf8(bytes));
    setRate(state);
}
BENCHMARK(checkUtf8)->Arg(128)->Arg(64 * 1024);

const std::string message = R"({"id":"1700000000000-abcdefghi","type":"publish","version":"1.0.0",)"
                            R"("timestamp":1700000000000,"topic":"agent.7.health","data":{"agentId":"7",)"
                            R"("healthy":true,"metrics":{"cpu":12.5,"memory":60}}})";

void readEnvelope(benchmark::State& state)
{
    for (auto _ : state) benchmark::DoNotOptimize(strandcast::parseMessage(message));
}
BENCHMARK(readEnvelope);

void parseWithBoostJson(benchmark::State& state)
{
    for (auto _ : state) benchmark::DoNotOptimize(boost::json::parse(message));
}
BENCHMARK(parseWithBoostJson);

}  // namespace

BENCHMARK_MAIN();
