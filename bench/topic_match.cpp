// What finding the subscribers of a topic costs as subscriptions grow: beside the trie a scan of all of them.

#include "topic/trie.hpp"

#include <strandcast/topics.hpp>

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace
{

using strandcast::TopicPattern;
using strandcast::Trie;

// A mix as agents make it: nine in ten subscribe to a topic of their own, the rest to patterns.
std::vector<std::string> subscriptions(std::size_t count)
{
    std::vector<std::string> patterns;
    for (std::size_t number = 0; number < count; ++number)
    {
        const auto agent = "agent." + std::to_string(number);
        if (number % 10 != 0)
            patterns.push_back(agent + ".status");
        else if (number % 20 == 0)
            patterns.push_back(agent + ".*");
        else
            patterns.push_back(agent + ".#");
    }
    return patterns;
}

std::string topicOf(std::size_t number)
{
    return "agent." + std::to_string(number) + ".status";
}

void matchUncached(benchmark::State& state)
{
    const auto count = static_cast<std::size_t>(state.range(0));
    Trie<int> trie;
    int subscriber = 0;
    for (const auto& pattern : subscriptions(count)) trie.insert(pattern, ++subscriber);
    std::size_t number = 0;
    for (auto _ : state)
    {
        // A step that meets each topic once in a long while, so that no answer is there already.
        number = (number + 7919) % count;
        benchmark::DoNotOptimize(trie.match(topicOf(number)).size());
    }
}
BENCHMARK(matchUncached)->Arg(1'000)->Arg(1'000'000);

void matchCached(benchmark::State& state)
{
    Trie<int> trie;
    int subscriber = 0;
    for (const auto& pattern : subscriptions(static_cast<std::size_t>(state.range(0))))
        trie.insert(pattern, ++subscriber);
    const auto topic = topicOf(7);
    for (auto _ : state) benchmark::DoNotOptimize(trie.match(topic).size());
}
BENCHMARK(matchCached)->Arg(1'000)->Arg(1'000'000);

void scanAll(benchmark::State& state)
{
    std::vector<TopicPattern> patterns;
    for (const auto& pattern : subscriptions(static_cast<std::size_t>(state.range(0))))
        patterns.emplace_back(pattern);
    const auto topic = topicOf(7);
    for (auto _ : state)
    {
        std::size_t found = 0;
        for (const auto& pattern : patterns) found += pattern.matches(topic) ? 1 : 0;
        benchmark::DoNotOptimize(found);
    }
}
BENCHMARK(scanAll)->Arg(1'000)->Arg(100'000);

}  // namespace
