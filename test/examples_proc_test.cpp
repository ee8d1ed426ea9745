#include "../examples/host/proc.hpp"

#include <strandcast/message.hpp>
#include <strandcast/topics.hpp>

#include <doctest/doctest.h>

#include <string>
#include <sys/prctl.h>
#include <unistd.h>

namespace
{

/// This process, while it has another name. The kernel keeps 15 bytes of one.
host::Process named(const char* name)
{
    std::string before(16, '\0');
    REQUIRE(::prctl(PR_GET_NAME, before.data()) == 0);
    REQUIRE(::prctl(PR_SET_NAME, name) == 0);
    auto found = host::process(::getpid());
    REQUIRE(::prctl(PR_SET_NAME, before.data()) == 0);
    REQUIRE(found);
    return *found;
}

}  // namespace

TEST_CASE("a process may have any bytes for its name, and its agent has a topic all the same")
{
    const char* const names[] = {"plain",   "with space",     "dots.and/slash", "*",
                                 "#",       "$presence",      "\xff\xfe",       "\xc3\xa9t\xc3",
                                 ") R 1 (", "line\nend) S 9", "\x1b[31m",       "\"\\"};
    for (const auto* const name : names)
    {
        CAPTURE(name);
        const auto found = named(name);
        CHECK(found.pid == ::getpid());
        CHECK(found.residentBytes > 0);
        CHECK(found.age >= 0);
        CHECK(found.name.size() == std::string(name).size());
        CHECK_FALSE(strandcast::checkTopic("agent." + found.name + ".health"));
        CHECK_NOTHROW(strandcast::Json({{"agentId", found.name}}));
    }
    CHECK(named("plain").name == "plain");
    CHECK(named("\xff \xfe").name == "---");
}

TEST_CASE("a process that is not there is nothing")
{
    CHECK_FALSE(host::process(-1));
}
