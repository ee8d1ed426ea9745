#include <strandcast/topics.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace strandcast;

namespace
{

bool covers(std::string pattern, std::string other)
{
    return TopicPattern(std::move(pattern)).covers(TopicPattern(std::move(other)));
}

// Every text of up to `length` of these segments.
std::vector<std::string> allTexts(const std::vector<std::string>& segments, std::size_t length,
                                  char separator)
{
    std::vector<std::string> all = segments;
    for (std::size_t begin = 0; --length > 0;)
    {
        const auto end = all.size();
        for (; begin < end; ++begin)
            for (const auto& segment : segments) all.push_back(all[begin] + separator + segment);
    }
    return all;
}

// A pattern and, one by one, whether it matches each of the topics.
struct Pattern
{
    Pattern(const std::string& text, const std::vector<std::string>& topics) : pattern(text)
    {
        for (const auto& topic : topics) matched.push_back(pattern.matches(topic));
    }

    [[nodiscard]] bool coversAsTopicsSay(const Pattern& other) const
    {
        for (std::size_t index = 0; index < matched.size(); ++index)
            if (other.matched[index] && !matched[index]) return false;
        return true;
    }

    TopicPattern pattern;
    std::vector<bool> matched;
};

void compareAll(const std::vector<Pattern>& patterns, std::mt19937& random, std::size_t pairs)
{
    std::size_t covered = 0;
    for (std::size_t pair = 0; pair < pairs; ++pair)
    {
        const auto& one = patterns[random() % patterns.size()];
        const auto& other = patterns[random() % patterns.size()];
        CAPTURE(one.pattern.text());
        CAPTURE(other.pattern.text());
        REQUIRE(one.pattern.covers(other.pattern) == one.coversAsTopicsSay(other));
        covered += one.pattern.covers(other.pattern) ? 1 : 0;
    }
    CHECK(covered > pairs / 100);
}

}  // namespace

TEST_CASE("a pattern covers what matches nothing that it does not match itself")
{
    CHECK(covers("#", "#"));
    CHECK(covers("#", "a.*.b"));
    CHECK(covers("#", "a/#"));
    CHECK(covers("agent.#", "agent"));
    CHECK(covers("agent.#", "agent.*.status"));
    CHECK(covers("agent.#", "agent.#.status"));
    CHECK(covers("agent.*.status", "agent.a.status"));
    CHECK(covers("*.#", "#.*"));
    CHECK(covers("#.*.b", "*.#.b"));
    CHECK(covers("a.#.#", "a.#"));
    CHECK_FALSE(covers("agent.*", "agent.#"));
    CHECK_FALSE(covers("agent.*", "#"));
    CHECK_FALSE(covers("agent.*", "*.*"));
    CHECK_FALSE(covers("a.*.#", "a.#"));
    CHECK_FALSE(covers("a", "*"));
    CHECK_FALSE(covers("a.#", "#"));
}

TEST_CASE("patterns of dots and of slashes do not cover each other, and one segment goes with both")
{
    CHECK_FALSE(covers("a.#", "a/#"));
    CHECK_FALSE(covers("#.#", "#"));
    CHECK(covers("*.#", "*"));
    CHECK(covers("*/#", "*"));
    CHECK(covers("a/#", "a"));
    // A segment with dots is never alone: `a.b` is a topic of two segments.
    CHECK(covers("a.b/*/#", "a.b/#"));
    CHECK_FALSE(covers("a.b/*", "a.b/#"));
}

TEST_CASE("a leading wildcard covers nothing of the server's own")
{
    CHECK_FALSE(covers("#", "$presence.*"));
    CHECK_FALSE(covers("*.*", "$presence.*"));
    CHECK(covers("$presence.#", "$presence.*"));
    CHECK(covers("*.#.$x", "#.$x"));
}

TEST_CASE("a pattern covers another where all topics say so, over random patterns")
{
    std::mt19937 random(20);
    auto topics = allTexts({"a", "f", "$x"}, 7, '.');
    for (auto& topic : allTexts({"a", "f", "$x"}, 7, '/')) topics.push_back(std::move(topic));
    std::vector<Pattern> patterns;
    for (const char separator : {'.', '/'})
    {
        for (const auto& text : allTexts({"a", "*", "#"}, 4, separator)) patterns.emplace_back(text, topics);
        for (const auto& text : allTexts({"a", "*", "#", "$x"}, 3, separator))
            patterns.emplace_back(text, topics);
    }
    compareAll(patterns, random, 30'000);
}

TEST_CASE("a pattern covers another where all topics say so, over segments that hold dots")
{
    std::mt19937 random(21);
    auto topics = allTexts({"a.b", "a", "$x.y", "f"}, 6, '/');
    for (auto& topic : allTexts({"a", "b", "f"}, 3, '.')) topics.push_back(std::move(topic));
    std::vector<Pattern> patterns;
    for (const auto& text : allTexts({"a.b", "a", "$x.y", "*", "#"}, 3, '/'))
        patterns.emplace_back(text, topics);
    compareAll(patterns, random, 20'000);
}
