#include "router/retained.hpp"
#include "support/fake_clock.hpp"

#include <strandcast/error.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

EntryRef entry(std::string topic, std::uint64_t offset, std::size_t size = 1)
{
    Publication publication{.id = std::to_string(offset),
                            .topic = std::move(topic),
                            .data = Json::fromValidText('"' + std::string(size, 'x') + '"')};
    return LogEntry::make(publication, offset, offset);
}

std::vector<std::uint64_t> offsets(Retained& retained, const LastQuery& query, LastEntries log = {})
{
    retained.addTo(log, query);
    std::vector<std::uint64_t> found;
    for (const auto& one : log.entries) found.push_back(one->offset);
    return found;
}

using Offsets = std::vector<std::uint64_t>;

const LastQuery everything{.matches = [](std::string_view) { return true; }, .perTopic = 100};

}  // namespace

TEST_CASE("the newest events of topics that a rule names are kept, by the first rule that matches")
{
    FakeClock clock;
    Retained retained({1'000, 1'000'000}, {}, clock);
    retained.addRule({"task.*.completed", 1, 10min});
    retained.addRule({"task.#", 2, 10min});
    for (std::uint64_t offset = 1; offset <= 9; offset += 3)
    {
        retained.take(entry("task.1.completed", offset));
        retained.take(entry("task.1.progress", offset + 1));
        retained.take(entry("other", offset + 2));
    }
    CHECK(offsets(retained, everything) == Offsets{5, 7, 8});
    CHECK(offsets(retained, {.topics = {"task.1.completed", "other"}, .perTopic = 5}) == Offsets{7});
    CHECK(offsets(retained, {.topics = {"task.1.progress"}, .perTopic = 1}) == Offsets{8});
    CHECK(retained.holds("task.1.completed"));
    CHECK_FALSE(retained.holds("other"));
    CHECK_THROWS_AS(retained.addRule({"a..b"}), Error);
}

TEST_CASE(
    "what is retained and what the log holds is given once, the newest of each topic, in the log's order")
{
    FakeClock clock;
    Retained retained({1'000, 1'000'000}, {}, clock);
    retained.addRule({"#", 3, 10min});
    LastEntries log;
    for (std::uint64_t offset = 1; offset <= 5; ++offset)
    {
        const auto one = entry(offset == 3 ? "b" : "a", offset);
        retained.take(one);
        if (offset >= 4) log.entries.push_back(one);
    }
    CHECK(offsets(retained, everything, log) == Offsets{2, 3, 4, 5});
    auto query = everything;
    query.perTopic = 2;
    CHECK(offsets(retained, query, log) == Offsets{3, 4, 5});
}

TEST_CASE("what is retained goes when its time is over, each by its own rule")
{
    FakeClock clock;
    Retained retained({1'000, 1'000'000}, {}, clock);
    retained.addRule({"long", 10, 1h});
    retained.addRule({"short", 10, 1min});
    retained.take(entry("long", 1));
    retained.take(entry("short", 2));
    clock.advance(30s);
    retained.take(entry("short", 3));
    clock.advance(30s);
    CHECK(offsets(retained, everything) == Offsets{1, 3});
    clock.advance(30s);
    CHECK(offsets(retained, everything) == Offsets{1});
    CHECK_FALSE(retained.holds("short"));
    clock.advance(1h);
    CHECK(offsets(retained, everything).empty());
    CHECK(retained.size() == 0);
    CHECK_FALSE(retained.holds("long"));
}

TEST_CASE("what is retained is bounded in events and in bytes, and what would go first goes first")
{
    FakeClock clock;
    Retained byCount({3, 1'000'000}, {}, clock);
    byCount.addRule({"long.*", 10, 1h});
    byCount.addRule({"#", 10, 1min});
    byCount.take(entry("long.1", 1));
    for (std::uint64_t offset = 2; offset <= 5; ++offset)
        byCount.take(entry("t." + std::to_string(offset), offset));
    CHECK(offsets(byCount, everything) == Offsets{1, 4, 5});
    CHECK(byCount.size() == 3);

    Retained byBytes({1'000, 20'000}, {}, clock);
    byBytes.addRule({"#", 10, 1min});
    for (std::uint64_t offset = 1; offset <= 5; ++offset) byBytes.take(entry("t", offset, 2'000));
    CHECK(offsets(byBytes, everything) == Offsets{3, 4, 5});
    byBytes.take(entry("t", 6, 50'000));
    CHECK(offsets(byBytes, everything).empty());
    CHECK(byBytes.size() == 0);
    CHECK_FALSE(byBytes.holds("t"));
}
