// What finding the subscribers of a topic costs as subscriptions grow, and what a subscription costs: beside
// the trie a scan of all patterns, and the least that any trie does, which is one look-up per segment.

#include "topic/ahead.hpp"
#include "topic/ahead_in_list.hpp"
#include "topic/trie.hpp"

#include <strandcast/topics.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <malloc.h>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace
{

using strandcast::TopicPattern;
using strandcast::Trie;

constexpr std::int64_t few = 1'000;
constexpr std::int64_t many = 1'000'000;

struct Subscription
{
    std::string pattern;
    std::uint64_t subscriber;
};

// Sixteen subscriptions to each agent, ten of which are met by its status: seven exactly, two by `*`, one by
// `#`.
std::vector<Subscription> shared(std::size_t count)
{
    static constexpr std::array tails{"status", "status", "status", "status", "status", "status",
                                      "status", "*",      "*",      "#",      "health", "tasks",
                                      "log",    "errors", "config", "metrics"};
    std::vector<Subscription> subscriptions;
    for (std::size_t number = 0; number < count; ++number)
    {
        auto pattern = "agent." + std::to_string(number / tails.size()) + "." + tails[number % tails.size()];
        subscriptions.push_back({std::move(pattern), number});
    }
    return subscriptions;
}

// The dearest mix: nobody else subscribes to what is of the same agent.
std::vector<Subscription> lone(std::size_t count)
{
    std::vector<Subscription> subscriptions;
    for (std::size_t number = 0; number < count; ++number)
    {
        const char* const tail = number % 10 != 0 ? ".status" : number % 20 == 0 ? ".*" : ".#";
        subscriptions.push_back({"agent." + std::to_string(number) + tail, number});
    }
    return subscriptions;
}

using Subscribed = Trie<std::uint64_t>;

void subscribe(Subscribed& trie, const std::vector<Subscription>& subscriptions)
{
    for (const auto& [pattern, subscriber] : subscriptions) trie.insert(pattern, subscriber);
}

/// A trie of so many subscriptions, made once for all who ask, who leave it as it was.
Subscribed& subscribedTo(std::int64_t count)
{
    static std::map<std::int64_t, Subscribed> tries;
    auto& trie = tries[count];
    if (trie.size() == 0) subscribe(trie, shared(static_cast<std::size_t>(count)));
    return trie;
}

// Topics enough that none is met again while its answer is kept or the processor has it near.
std::vector<std::string> topics(std::int64_t subscriptions)
{
    const auto agents = static_cast<std::size_t>(subscriptions) / 16;
    std::vector<std::string> texts;
    for (std::size_t index = 0; index < 65'536; ++index)
        texts.push_back("agent." + std::to_string(index * 7'919 % agents) + ".status");
    return texts;
}

/// What comes from the network is near when it is asked for: the text that comes up soon is fetched.
template <typename Texts, typename TextOf>
const auto& nearText(const Texts& texts, std::size_t index, std::size_t stride, TextOf textOf)
{
    constexpr std::size_t ahead = 8;
    const auto& soon = texts[(index + ahead) * stride % texts.size()];
    __builtin_prefetch(&texts[(index + 2 * ahead) * stride % texts.size()]);
    __builtin_prefetch(textOf(soon).data());
    return texts[index * stride % texts.size()];
}

const std::string& itself(const std::string& text)
{
    return text;
}

/// Changes a subscription that no topic meets, so that no answer is kept.
class Forgetting
{
public:
    explicit Forgetting(Subscribed& trie) : trie_(trie) {}
    Forgetting(const Forgetting&) = delete;
    Forgetting& operator=(const Forgetting&) = delete;
    ~Forgetting()
    {
        if (isThere_) (*this)();
    }
    void operator()()
    {
        if (isThere_)
            trie_.erase("other", 1);
        else
            trie_.insert("other", 1);
        isThere_ = !isThere_;
    }

private:
    Subscribed& trie_;
    bool isThere_ = false;
};

void matchUncached(benchmark::State& state)
{
    auto& trie = subscribedTo(state.range(0));
    const auto texts = topics(state.range(0));
    Forgetting forget(trie);
    std::size_t index = 0;
    std::size_t found = 0;
    for (auto _ : state)
    {
        // Where agents are few, they come round while their answers are kept.
        if (state.range(0) == few && index % 62 == 0) forget();
        found += trie.match(nearText(texts, index++, 1, itself)).size();
    }
    state.counters["found"] =
        benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
}
BENCHMARK(matchUncached)->Arg(few)->Arg(many);

/// As the router matches for what clients publish: from when it has been read to when it is logged there is
/// other work, while what the match will look at is fetched. Here that work is the match of other topics.
void matchAhead(benchmark::State& state)
{
    auto& trie = subscribedTo(state.range(0));
    const auto texts = topics(state.range(0));
    Forgetting forget(trie);
    constexpr std::size_t steps = 2;
    std::array<strandcast::Ahead, steps + 1> ahead;
    const auto aheadOf = [&](std::size_t index) -> auto& { return ahead[index % ahead.size()]; };
    std::size_t index = 0;
    std::size_t found = 0;
    for (auto _ : state)
    {
        if (state.range(0) == few && index % 62 == 0) forget();
        aheadOf(index + steps).clear();
        trie.lookAheadOfMatch(texts[(index + steps) % texts.size()], aheadOf(index + steps));
        trie.lookFurther(aheadOf(index + 1));
        found += trie.match(nearText(texts, index, 1, itself), aheadOf(index)).size();
        ++index;
    }
    state.counters["found"] =
        benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
}
BENCHMARK(matchAhead)->Arg(few)->Arg(many);

void matchCached(benchmark::State& state)
{
    auto& trie = subscribedTo(state.range(0));
    const auto texts = topics(state.range(0));
    std::size_t index = 0;
    for (auto _ : state) benchmark::DoNotOptimize(trie.match(texts[index++ % 32]).size());
}
BENCHMARK(matchCached)->Arg(few)->Arg(many);

// The least: one look-up per segment in a table of all there are.
void lookUpSegments(benchmark::State& state)
{
    std::unordered_map<std::string, std::uint32_t> segments;
    const auto agents = static_cast<std::size_t>(state.range(0)) / 16;
    for (std::size_t agent = 0; agent < agents; ++agent)
        segments.emplace(std::to_string(agent), static_cast<std::uint32_t>(agent));
    segments.emplace("agent", 0);
    segments.emplace("status", 0);
    std::vector<std::array<std::string, 3>> texts;
    for (std::size_t index = 0; index < 65'536; ++index)
        texts.push_back({"agent", std::to_string(index * 7'919 % agents), "status"});
    std::size_t index = 0;
    for (auto _ : state)
        for (const auto& segment : texts[index++ % texts.size()])
            benchmark::DoNotOptimize(segments.find(segment)->second);
}
BENCHMARK(lookUpSegments)->Arg(few)->Arg(many);

void scanAll(benchmark::State& state)
{
    std::vector<TopicPattern> patterns;
    for (const auto& [pattern, subscriber] : shared(static_cast<std::size_t>(state.range(0))))
        patterns.emplace_back(pattern);
    const std::string topic = "agent.7.status";
    for (auto _ : state)
    {
        std::size_t found = 0;
        for (const auto& pattern : patterns) found += pattern.matches(topic) ? 1 : 0;
        benchmark::DoNotOptimize(found);
    }
}
BENCHMARK(scanAll)->Arg(few)->Arg(many);

/// Leaves and joins again, one subscription after another: two changes each time.
void unsubscribeAndSubscribe(benchmark::State& state)
{
    const auto subscriptions = shared(static_cast<std::size_t>(state.range(0)));
    auto& trie = subscribedTo(state.range(0));
    std::size_t index = 0;
    for (auto _ : state)
    {
        const auto& [pattern, subscriber] =
            nearText(subscriptions, index++, 7'919,
                     [](const Subscription& one) -> const std::string& { return one.pattern; });
        trie.erase(pattern, subscriber);
        trie.insert(pattern, subscriber);
    }
    state.counters["perChange"] =
        benchmark::Counter(2.0 * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(unsubscribeAndSubscribe)->Arg(few)->Arg(many);

/// As a client leaves and joins with the list of its topics, of so many agents.
void unsubscribeAndSubscribeLists(benchmark::State& state)
{
    constexpr std::size_t lists = 4'096;
    constexpr std::size_t perList = 16;
    const auto all = shared(static_cast<std::size_t>(state.range(0)));
    std::vector<std::vector<std::string>> patterns(lists);
    std::vector<std::vector<std::uint64_t>> subscribers(lists);
    for (std::size_t number = 0; number < lists * perList; ++number)
    {
        const auto& [pattern, subscriber] = all[number * 7'919 % all.size()];
        patterns[number / perList].push_back(pattern);
        subscribers[number / perList].push_back(subscriber);
    }
    auto& trie = subscribedTo(state.range(0));
    std::size_t index = 0;
    for (auto _ : state)
    {
        const auto& list = patterns[index % lists];
        const auto& of = subscribers[index++ % lists];
        const auto look = [&](std::size_t place, strandcast::Ahead& one)
        { trie.lookAheadOfChange(list[place], one); };
        strandcast::AheadInList leaving(trie, perList, look);
        for (std::size_t place = 0; place < perList; ++place)
            trie.erase(list[place], of[place], leaving.next());
        strandcast::AheadInList joining(trie, perList, look);
        for (std::size_t place = 0; place < perList; ++place)
            trie.insert(list[place], of[place], joining.next());
    }
    state.counters["perChange"] =
        benchmark::Counter(2.0 * perList * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(unsubscribeAndSubscribeLists)->Arg(few)->Arg(many);

std::size_t allocated()
{
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/// All at once, from an empty trie; `bytes` is what each then takes, with what malloc itself adds.
void subscribeAll(benchmark::State& state, std::vector<Subscription> (&make)(std::size_t))
{
    const auto subscriptions = make(static_cast<std::size_t>(state.range(0)));
    const auto count = static_cast<double>(subscriptions.size());
    double bytes = 0;
    for (auto _ : state)
    {
        const auto before = allocated();
        Subscribed trie;
        subscribe(trie, subscriptions);
        bytes = static_cast<double>(allocated() - before) / count;
        state.PauseTiming();
        trie = {};
        state.ResumeTiming();
    }
    state.counters["bytes"] = bytes;
    state.counters["each"] = benchmark::Counter(count, benchmark::Counter::kIsIterationInvariantRate |
                                                           benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(subscribeAll, shared, shared)->Arg(few)->Arg(many)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(subscribeAll, lone, lone)->Arg(few)->Arg(many)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
