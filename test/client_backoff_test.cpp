#include "client/backoff.hpp"
#include "client/subscriptions.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

/// Always the same bits.
struct FixedRandom final : Random
{
    explicit FixedRandom(std::uint64_t value) : bits(value) {}
    [[nodiscard]] std::uint64_t next() override { return bits; }
    std::uint64_t bits;
};

struct SeededRandom final : Random
{
    [[nodiscard]] std::uint64_t next() override { return engine(); }
    std::mt19937_64 engine{7};
};

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("the bound of the wait grows by the factor, up to the most")
{
    FixedRandom random(most);
    Backoff backoff({.initial = 100ms, .factor = 3, .max = 1s}, random);
    for (const auto expected : {100ms, 300ms, 900ms, 1000ms, 1000ms}) CHECK(backoff.next() == expected);
    CHECK(backoff.attempts() == 5);
    backoff.reset();
    CHECK(backoff.attempts() == 0);
    CHECK(backoff.next() == 100ms);
}

TEST_CASE("the jitter is full: a wait is anything from nothing to its bound, evenly")
{
    FixedRandom least(0);
    Backoff none({.initial = 100ms}, least);
    CHECK(none.next() == 0ms);
    CHECK(none.next() == 0ms);

    SeededRandom random;
    std::int64_t sum = 0;
    std::int64_t highest = 0;
    std::int64_t lowest = 1'000;
    for (int round = 0; round < 10'000; ++round)
    {
        Backoff backoff({.initial = 1s}, random);
        const auto wait = backoff.next().value().count();
        sum += wait;
        highest = std::max(highest, wait);
        lowest = std::min(lowest, wait);
    }
    CHECK(lowest < 10);
    CHECK(highest > 990);
    CHECK(highest <= 1'000);
    CHECK(sum / 10'000 > 480);
    CHECK(sum / 10'000 < 520);
}

TEST_CASE("attempts end where a number is set, and begin anew after one that held")
{
    FixedRandom random(most);
    Backoff backoff({.initial = 1ms, .attempts = 2}, random);
    CHECK(backoff.next());
    CHECK(backoff.next());
    CHECK_FALSE(backoff.next());
    backoff.reset();
    CHECK(backoff.next());
    Backoff never({.initial = 1ms, .attempts = 0}, random);
    CHECK_FALSE(never.next());
}

TEST_CASE("no option, however absurd, leads to a wait below nothing or beyond the most")
{
    using std::chrono::milliseconds;
    FixedRandom random(most);
    const double factors[] = {
        2, 0, -1, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()};
    for (const auto initial : {milliseconds::min(), -1ms, 0ms, 1ms, milliseconds::max()})
        for (const auto max : {milliseconds::min(), 0ms, 1ms, milliseconds::max()})
            for (const double factor : factors)
            {
                CAPTURE(factor);
                Backoff backoff({.initial = initial, .factor = factor, .max = max}, random);
                for (int attempt = 0; attempt < 2'000; ++attempt)
                {
                    const auto wait = backoff.next().value();
                    CHECK_UNARY(wait >= 0ms);
                    CHECK_UNARY(wait <= std::max(max, 0ms));
                    if (wait < 0ms || wait > std::max(max, 0ms)) return;
                }
            }
}

TEST_CASE("a topic is let go of with the last who wants it, and only what was granted is asked for again")
{
    Subscriptions all;
    all.add({"a", "b"});
    CHECK(all.granted().empty());
    all.grant({"a", "b"});
    all.add({"a", "c"});
    CHECK(all.granted() == std::vector<std::string>{"a", "b"});
    CHECK(all.takeBack({"a", "c", "never"}) == std::vector<std::string>{"c"});
    CHECK(all.takeBack({"a", "b"}) == std::vector<std::string>{"a", "b"});
    CHECK(all.granted().empty());
    all.grant({"a"});
    CHECK_FALSE(all.contains("a"));
}

TEST_CASE("topics go in as few requests as their size allows, none of them lost")
{
    CHECK(inRequests({}).empty());
    std::vector<std::string> topics;
    for (int number = 0; number < 10'000; ++number)
        topics.push_back(fmt::format("task.{}.completed", number));
    const auto requests = inRequests(topics);
    CHECK(requests.size() <= 6);
    std::vector<std::string> joined;
    for (const auto& request : requests)
    {
        std::size_t bytes = 0;
        for (const auto& topic : request) bytes += topic.size() + 3;
        CHECK(bytes < 60'000);
        joined.insert(joined.end(), request.begin(), request.end());
    }
    CHECK(joined == topics);
    const std::string large(100'000, 'x');
    CHECK(inRequests({large, "a", large}).size() == 3);
}
