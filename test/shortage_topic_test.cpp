#include "support/scarce.hpp"
#include "topic/trie.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <vector>

using namespace strandcast;

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
