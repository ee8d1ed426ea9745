#include "support/scarce.hpp"
#include "topic/trie.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <vector>

using namespace strandcast;

TEST_CASE("a trie too large to be near finds whom it should, until nobody is left")
{
    constexpr int agents = 20'000;
    Trie<int> trie;
    const auto agent = [](int number) { return "agent." + std::to_string(number); };
    for (int number = 0; number < agents; ++number)
    {
        REQUIRE(trie.insert(agent(number) + ".status", number));
        REQUIRE(trie.insert(agent(number) + ".*", agents + number));
        REQUIRE(trie.insert(agent(number) + ".#", 2 * agents + number));
    }
    REQUIRE(trie.insert("*.7.*.#", -1));
    for (int number = 0; number < agents; number += 7)
    {
        const auto found = trie.match(agent(number) + ".status");
        std::vector<int> expected{number, agents + number, 2 * agents + number};
        if (number == 7) expected.insert(expected.begin(), -1);
        REQUIRE(std::vector<int>(found.begin(), found.end()) == expected);
    }
    CHECK(trie.match("agent.7.a.b.c.d.e.f.g.h.i.j").size() == 2);
    CHECK(trie.match("other.8.status").empty());
    REQUIRE(trie.erase("*.7.*.#", -1));
    for (int number = 0; number < agents; ++number)
    {
        REQUIRE(trie.erase(agent(number) + ".*", agents + number));
        REQUIRE(trie.erase(agent(number) + ".#", 2 * agents + number));
        REQUIRE_FALSE(trie.erase(agent(number) + ".status", number + 1));
        REQUIRE(trie.erase(agent(number) + ".status", number));
    }
    CHECK(trie.nodeCount() == 0);
}

TEST_CASE("a match that finds no memory leaves nothing behind for the next one")
{
    const std::vector<std::string_view> patterns{"#",     "a.#",   "a.#.#", "a.*.#",
                                                 "a.b.#", "#.c.#", "*.#.c", "a.b.c"};
    for (std::size_t allocations = 0;; ++allocations)
    {
        CAPTURE(allocations);
        Trie<int> trie;
        for (std::size_t index = 0; index < patterns.size(); ++index)
            REQUIRE(trie.insert(patterns[index], static_cast<int>(index)));
        bool failed = false;
        try
        {
            const Scarce memory(allocations);
            static_cast<void>(trie.match("a.b.c"));
        }
        catch (const std::bad_alloc&)
        {
            failed = true;
        }
        REQUIRE(trie.match("a.b.c").size() == patterns.size());
        if (!failed) break;
        REQUIRE(allocations < 100);
    }
}
