#include <strandcast/clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace strandcast;
using namespace std::chrono_literals;

TEST_CASE("the machine's coarse time is never ahead of its exact one, and follows it")
{
    const Clock& clock = Clock::system();
    const auto begin = clock.now();
    const auto deadline = begin + 30s;
    for (;;)
    {
        const auto coarse = clock.coarseNow();
        const auto exact = clock.now();
        REQUIRE(coarse <= exact);
        REQUIRE(exact < deadline);
        if (coarse > begin) break;
        std::this_thread::yield();
    }
}
