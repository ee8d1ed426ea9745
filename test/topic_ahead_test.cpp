#include "topic/ahead.hpp"
#include "topic/ahead_in_list.hpp"
#include "topic/trie.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

using namespace strandcast;

namespace
{

constexpr int agents = 20'000;  // more than is held to be near

std::string agent(int number, const char* tail)
{
    return "agent." + std::to_string(number) + tail;
}

/// A subscriber to each agent's status, one to all that is the agent's, and one to every status.
Trie<int> manyAgents()
{
    Trie<int> trie;
    for (int number = 0; number < agents; ++number)
    {
        trie.insert(agent(number, ".status"), number);
        if (number % 3 == 0) trie.insert(agent(number, ".#"), agents);
    }
    trie.insert("agent.*.status", agents + 1);
    return trie;
}

std::vector<int> expected(int number)
{
    std::vector<int> found{number};
    if (number % 3 == 0) found.push_back(agents);
    found.push_back(agents + 1);
    return found;
}

}  // namespace

TEST_CASE("a trie too large to be near finds whom it should, until nobody is left")
{
    Trie<int> trie;
    for (int number = 0; number < agents; ++number)
    {
        REQUIRE(trie.insert(agent(number, ".status"), number));
        REQUIRE(trie.insert(agent(number, ".*"), agents + number));
        REQUIRE(trie.insert(agent(number, ".#"), 2 * agents + number));
    }
    REQUIRE(trie.insert("*.7.*.#", -1));
    for (int number = 0; number < agents; number += 7)
    {
        const auto found = trie.match(agent(number, ".status"));
        std::vector<int> expected{number, agents + number, 2 * agents + number};
        if (number == 7) expected.insert(expected.begin(), -1);
        REQUIRE(std::vector<int>(found.begin(), found.end()) == expected);
    }
    CHECK(trie.match("agent.7.a.b.c.d.e.f.g.h.i.j").size() == 2);
    CHECK(trie.match("other.8.status").empty());
    REQUIRE(trie.erase("*.7.*.#", -1));
    for (int number = 0; number < agents; ++number)
    {
        REQUIRE(trie.erase(agent(number, ".*"), agents + number));
        REQUIRE(trie.erase(agent(number, ".#"), 2 * agents + number));
        REQUIRE_FALSE(trie.erase(agent(number, ".status"), number + 1));
        REQUIRE(trie.erase(agent(number, ".status"), number));
    }
    CHECK(trie.nodeCount() == 0);
}

TEST_CASE("a look ahead takes a step each time, over as much of a topic as there is room for")
{
    using Step = Ahead::Step;
    const auto trie = manyAgents();
    Ahead ahead;
    const auto takesEachStep = [&]
    {
        CHECK(ahead.step() == Step::buckets);
        trie.lookFurther(ahead);
        CHECK(ahead.step() == Step::nodes);
        trie.lookFurther(ahead);
        CHECK(ahead.step() == Step::contents);
        trie.lookFurther(ahead);
        CHECK(ahead.step() == Step::contents);
    };
    trie.lookAheadOfMatch("agent.7.status", ahead);
    CHECK(ahead.ways().size() == 9);  // three segments, each with the wildcards in its place
    takesEachStep();
    trie.lookAheadOfChange("agent.7.status", ahead);
    CHECK(ahead.ways().size() == 3);
    takesEachStep();
    trie.lookAheadOfMatch("a.b.c.d.e.f.g.h.i.j.k.l.m", ahead);
    CHECK(ahead.ways().size() == 24);
    takesEachStep();

    Ahead none;
    Trie<int> small;
    small.insert("agent.7.status", 1);
    small.lookAheadOfMatch("agent.7.status", none);
    CHECK(none.step() == Step::none);
}

TEST_CASE("each of a list is all but found when its turn comes")
{
    const auto trie = manyAgents();
    std::vector<std::string> patterns;
    for (int number = 0; number < 10; ++number) patterns.push_back(agent(number, ".status"));
    AheadInList ahead(trie, patterns.size(),
                      [&](std::size_t place, Ahead& one) { trie.lookAheadOfChange(patterns[place], one); });
    CHECK(ahead.next().step() == Ahead::Step::buckets);
    CHECK(ahead.next().step() == Ahead::Step::nodes);
    for (int number = 2; number < 10; ++number) CHECK(ahead.next().step() == Ahead::Step::contents);
}

TEST_CASE("a match finds whom it should, whatever was looked ahead for and however far")
{
    auto trie = manyAgents();
    std::mt19937 random(7);
    const auto drawn = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
    std::array<Ahead, 4> ahead;
    for (int round = 0; round < 20'000; ++round)
    {
        const int number = drawn(agents);
        auto& one = ahead[static_cast<std::size_t>(drawn(4))];
        const auto topic = agent(drawn(2) == 0 ? number : drawn(agents), ".status");
        if (drawn(3) != 0) one.clear();
        if (drawn(2) == 0) trie.lookAheadOfMatch(topic, one);
        if (drawn(4) == 0) trie.lookAheadOfChange(topic, one);
        for (int step = drawn(5); step > 0; --step) trie.lookFurther(one);
        const auto found = trie.match(agent(number, ".status"), one);
        REQUIRE(std::vector<int>(found.begin(), found.end()) == expected(number));
        REQUIRE(trie.erase(agent(number, ".status"), number, one));
        REQUIRE(trie.insert(agent(number, ".status"), number, one));
    }
}

TEST_CASE("what was looked ahead for in a trie does no harm in what becomes of it, and in another")
{
    const auto topic = agent(3, ".status");
    auto trie = manyAgents();
    const auto far = manyAgents();
    const auto use = [&](Trie<int>& other, std::size_t count)
    {
        for (int steps = 0; steps < 4; ++steps)
        {
            Ahead ahead;
            far.lookAheadOfMatch(topic, ahead);
            for (int step = 0; step < steps; ++step) far.lookFurther(ahead);
            other.lookFurther(ahead);
            CHECK(other.match(topic, ahead).size() == count);
        }
    };
    Trie<int> empty;
    Trie<int> small;
    small.insert(topic, 1);
    use(trie, 3);
    use(empty, 0);
    use(small, 1);
    for (int number = 0; number < agents; ++number) trie.erase(agent(number, ".status"), number);
    for (int number = 0; number < agents; number += 3) trie.erase(agent(number, ".#"), agents);
    trie.erase("agent.*.status", agents + 1);
    CHECK(trie.nodeCount() == 0);
    use(trie, 0);
}

TEST_CASE("a list is joined and left whole, however long it is")
{
    for (const std::size_t length : {0U, 1U, 2U, 3U, 4U, 5U, 1'000U})
    {
        CAPTURE(length);
        auto trie = manyAgents();
        const auto before = trie.size();
        std::vector<std::string> patterns;
        for (std::size_t number = 0; number < length; ++number)
            patterns.push_back(agent(static_cast<int>(number) + agents / 2, ".status"));
        const auto look = [&](std::size_t place, Ahead& one)
        { trie.lookAheadOfChange(patterns[place], one); };
        AheadInList joining(trie, patterns.size(), look);
        for (const auto& pattern : patterns) REQUIRE(trie.insert(pattern, -1, joining.next()));
        CHECK(trie.size() == before + length);
        for (const auto& pattern : patterns) REQUIRE(trie.match(pattern).front() == -1);
        AheadInList leaving(trie, patterns.size(), look);
        for (const auto& pattern : patterns) REQUIRE(trie.erase(pattern, -1, leaving.next()));
        CHECK(trie.size() == before);
    }
}
