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
    std::array<Ahead, 4> ahead;
    const auto topic = agent(3, ".status");
    auto trie = manyAgents();
    for (std::size_t steps = 0; steps < ahead.size(); ++steps)
    {
        trie.lookAheadOfMatch(topic, ahead[steps]);
        for (std::size_t step = 0; step < steps; ++step) trie.lookFurther(ahead[steps]);
    }
    const auto use = [](Trie<int>& other, Ahead copy, std::size_t count)
    {
        other.lookFurther(copy);
        CHECK(other.match(agent(3, ".status"), copy).size() == count);
    };
    Trie<int> empty;
    Trie<int> small;
    small.insert(topic, 1);
    for (const auto& one : ahead)
    {
        use(trie, one, 3);
        use(empty, one, 0);
        use(small, one, 1);
    }
    for (int number = 0; number < agents; ++number) trie.erase(agent(number, ".status"), number);
    for (int number = 0; number < agents; number += 3) trie.erase(agent(number, ".#"), agents);
    trie.erase("agent.*.status", agents + 1);
    CHECK(trie.nodeCount() == 0);
    for (const auto& one : ahead) use(trie, one, 0);
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
        AheadInList joining(trie, patterns);
        for (const auto& pattern : patterns) REQUIRE(trie.insert(pattern, -1, joining.next()));
        CHECK(trie.size() == before + length);
        for (const auto& pattern : patterns) REQUIRE(trie.match(pattern).front() == -1);
        AheadInList leaving(trie, patterns);
        for (const auto& pattern : patterns) REQUIRE(trie.erase(pattern, -1, leaving.next()));
        CHECK(trie.size() == before);
    }
}
