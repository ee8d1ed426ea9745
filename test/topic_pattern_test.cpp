#include "topic/trie.hpp"

#include <strandcast/error.hpp>
#include <strandcast/topics.hpp>

#include <doctest/doctest.h>

#include <compare>
#include <new>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

// The oracle: protocol.md's section "Topics", in the slowest and plainest way.

std::vector<std::string> split(const std::string& text)
{
    const char separator = text.find('/') != std::string::npos ? '/' : '.';
    std::vector<std::string> segments(1);
    for (const char character : text)
    {
        if (character == separator)
            segments.emplace_back();
        else
            segments.back() += character;
    }
    return segments;
}

char kind(const std::string& text)
{
    return text.find('/') != std::string::npos ? '/' : text.find('.') != std::string::npos ? '.' : ' ';
}

bool segmentsMatch(const std::vector<std::string>& pattern, std::size_t p,
                   const std::vector<std::string>& topic, std::size_t t)
{
    if (p == pattern.size()) return t == topic.size();
    if (pattern[p] == "#")
        return segmentsMatch(pattern, p + 1, topic, t) ||
               (t < topic.size() && segmentsMatch(pattern, p, topic, t + 1));
    return t < topic.size() && (pattern[p] == "*" || pattern[p] == topic[t]) &&
           segmentsMatch(pattern, p + 1, topic, t + 1);
}

bool oracle(const std::string& pattern, const std::string& topic)
{
    if (kind(pattern) != ' ' && kind(topic) != ' ' && kind(pattern) != kind(topic)) return false;
    if (topic[0] == '$' && (pattern[0] == '*' || pattern[0] == '#')) return false;
    return segmentsMatch(split(pattern), 0, split(topic), 0);
}

std::string randomText(std::mt19937& random, std::initializer_list<const char*> alphabet)
{
    const auto pick = [&] { return std::string(*(alphabet.begin() + random() % alphabet.size())); };
    const std::string separator = random() % 2 == 0 ? "." : "/";
    std::string text = pick();
    for (auto more = random() % 5; more > 0; --more) text += separator + pick();
    return text;
}

std::string randomPattern(std::mt19937& random)
{
    return randomText(random, {"a", "b", "*", "#", "$x"});
}
std::string randomTopic(std::mt19937& random)
{
    return randomText(random, {"a", "b", "c", "$x"});
}

}  // namespace

TEST_CASE("a '#' is any number of segments, none included, and a '*' is exactly one")
{
    CHECK(TopicPattern("agent.#").matches("agent"));
    CHECK(TopicPattern("agent.#").matches("agent.a"));
    CHECK(TopicPattern("agent.#").matches("agent.a.b"));
    CHECK_FALSE(TopicPattern("agent.#").matches("agents"));
    CHECK(TopicPattern("a.#.z").matches("a.z"));
    CHECK(TopicPattern("a.#.z").matches("a.b.c.z"));
    CHECK(TopicPattern("agent.*.status").matches("agent.7.status"));
    CHECK_FALSE(TopicPattern("agent.*.status").matches("agent.status"));
    CHECK_FALSE(TopicPattern("agent.*.status").matches("agent.7.8.status"));
    CHECK(TopicPattern("#").matches("a/b/c"));
    CHECK(TopicPattern("#").matches("a.b.c"));
}

TEST_CASE("dots and slashes do not meet, and a single segment goes with both")
{
    CHECK_FALSE(TopicPattern("a.*").matches("a/b"));
    CHECK_FALSE(TopicPattern("a/*").matches("a.b"));
    CHECK(TopicPattern("a/#").matches("a"));
    CHECK(TopicPattern("a.#").matches("a"));
    // Where there is a slash, a dot is a letter.
    CHECK(TopicPattern("a.b/*").matches("a.b/c.d"));
}

TEST_CASE("a leading wildcard does not match a topic of the server's own")
{
    CHECK_FALSE(TopicPattern("#").matches("$presence.a"));
    CHECK_FALSE(TopicPattern("*.a").matches("$presence.a"));
    CHECK(TopicPattern("$presence.*").matches("$presence.a"));
}

TEST_CASE("a topic or pattern that is none is refused with what is wrong")
{
    CHECK(checkPattern("a.b*") == "Invalid pattern: a wildcard must be a whole segment");
    CHECK(checkPattern("") == "Invalid pattern: it is empty");
    CHECK(checkPattern("a..b") == "Invalid pattern: it has an empty segment");
    CHECK(checkPattern(".a") == "Invalid pattern: it has an empty segment");
    CHECK(checkPattern("a/") == "Invalid pattern: it has an empty segment");
    CHECK(checkTopic("a.*") == "Invalid topic: wildcards are for subscribing");
    CHECK(checkTopic("a.b") == std::nullopt);
    CHECK(checkPattern("a.*.#") == std::nullopt);
    CHECK_THROWS_AS(TopicPattern("a.#b"), Error);
}

TEST_CASE("a text is a topic where its segments say so, over random texts")
{
    std::mt19937 random(255);
    static constexpr std::string_view alphabet = "aab../*#";
    for (int round = 0; round < 50'000; ++round)
    {
        std::string text;
        for (auto left = random() % 12; left > 0; --left) text += alphabet[random() % alphabet.size()];
        const auto segments = split(text);
        const TopicLimits limits{.maxBytes = 8, .maxSegments = 3};
        bool isTopic =
            !text.empty() && text.size() <= limits.maxBytes && segments.size() <= limits.maxSegments;
        bool isPattern = isTopic;
        for (const auto& segment : segments)
        {
            const bool isWild = segment.find_first_of("*#") != std::string::npos;
            isTopic = isTopic && !segment.empty() && !isWild;
            isPattern = isPattern && !segment.empty() && (!isWild || segment.size() == 1);
        }
        CAPTURE(text);
        REQUIRE(checkTopic(text, limits).has_value() == !isTopic);
        REQUIRE(checkPattern(text, limits).has_value() == !isPattern);
    }
}

TEST_CASE("the limits on length and depth hold to the byte and to the segment")
{
    CHECK(checkTopic(std::string(255, 'a')) == std::nullopt);
    CHECK(checkTopic(std::string(256, 'a')) == "Invalid topic: it is longer than 255 bytes");
    std::string deep = "a";
    for (int segments = 1; segments < 64; ++segments) deep += ".a";
    CHECK(checkTopic(deep) == std::nullopt);
    CHECK(checkTopic(deep + ".a") == "Invalid topic: it has more than 64 segments");
}

TEST_CASE("a pattern matches what the brute-force matcher says, over random patterns and topics")
{
    std::mt19937 random(1);
    int matches = 0;
    for (int round = 0; round < 50'000; ++round)
    {
        const auto pattern = randomPattern(random);
        const auto topic = randomTopic(random);
        CAPTURE(pattern);
        CAPTURE(topic);
        REQUIRE(TopicPattern(pattern).matches(topic) == oracle(pattern, topic));
        matches += oracle(pattern, topic) ? 1 : 0;
    }
    CHECK(matches > 1'000);
}

TEST_CASE("the trie finds whom the brute-force matcher finds, whatever is subscribed and unsubscribed")
{
    std::mt19937 random(2);
    Trie<int> trie;
    std::set<std::pair<std::string, int>> subscriptions;
    for (int round = 0; round < 12'000; ++round)
    {
        auto pattern = randomPattern(random);
        int subscriber = static_cast<int>(random() % 8);
        // Grows and shrinks in waves, down to nothing.
        if (random() % 100 < (round / 2'000 % 2 == 0 ? 70U : 20U))
            REQUIRE(trie.insert(pattern, subscriber) == subscriptions.emplace(pattern, subscriber).second);
        else
        {
            // Mostly one that is there.
            const auto next = subscriptions.lower_bound({pattern, subscriber});
            if (random() % 8 != 0 && next != subscriptions.end()) std::tie(pattern, subscriber) = *next;
            REQUIRE(trie.erase(pattern, subscriber) == (subscriptions.erase({pattern, subscriber}) == 1));
        }
        REQUIRE(trie.size() == subscriptions.size());
        if (round % 3 != 0) continue;
        const auto topic = randomTopic(random);
        std::set<int> expected;
        for (const auto& [subscribed, who] : subscriptions)
            if (oracle(subscribed, topic)) expected.insert(who);
        const auto found = trie.match(topic);
        CAPTURE(topic);
        REQUIRE(std::vector<int>(found.begin(), found.end()) ==
                std::vector<int>(expected.begin(), expected.end()));
        const auto again = trie.match(topic);
        REQUIRE(std::equal(found.begin(), found.end(), again.begin(), again.end()));
    }
    const auto left = subscriptions;
    for (const auto& [pattern, who] : left) REQUIRE(trie.erase(pattern, who));
    CHECK(trie.size() == 0);
    CHECK(trie.nodeCount() == 0);
}

TEST_CASE("patterns made to branch at every segment cost a match no more than their nodes at each step")
{
    Trie<int> trie;
    std::string pattern = "#";
    std::string topic = "a";
    for (int depth = 1; depth < 32; ++depth)
    {
        pattern += ".a.#";
        topic += ".a";
    }
    for (int depth = 1; depth < 32; ++depth) topic += ".a";
    REQUIRE(trie.insert(pattern, 1));
    CHECK(trie.match(topic).size() == 1);
    CHECK(trie.lastVisits() <= trie.nodeCount() * 64 + 64);
    CHECK(TopicPattern(pattern + ".b").matches(topic + ".b"));
    CHECK_FALSE(TopicPattern(pattern + ".b").matches(topic));
}

TEST_CASE("a trie full of patterns that all match is walked once a segment")
{
    // Every pattern of up to six segments of `a`, `*` and `#`: a topic of many `a`s reaches them all.
    Trie<int> trie;
    std::vector<std::string> patterns{"a", "*", "#"};
    for (std::size_t longest = patterns.size(), begin = 0, depth = 1; depth < 6; ++depth)
    {
        for (auto index = begin; index < longest; ++index)
            for (const char* segment : {".a", ".*", ".#"}) patterns.push_back(patterns[index] + segment);
        begin = longest;
        longest = patterns.size();
    }
    for (const auto& pattern : patterns) REQUIRE(trie.insert(pattern, 1));

    std::string topic = "a";
    for (int depth = 1; depth < 64; ++depth) topic += ".a";
    CHECK(trie.match(topic).size() == 1);
    // A node of a `#` may stand for itself and for what follows it, hence the two.
    CHECK(trie.lastVisits() <= 2 * (trie.nodeCount() + 2) * 64);
}

namespace
{

std::size_t comparisons = 0;

struct CountingLess
{
    bool operator()(int one, int other) const
    {
        ++comparisons;
        return one < other;
    }
};

}  // namespace

TEST_CASE("a topic of very many subscribers is joined and left without looking at all of them")
{
    constexpr int subscribers = 20'000;
    Trie<int, CountingLess> trie;
    comparisons = 0;
    for (int i = 0; i < subscribers; ++i) REQUIRE(trie.insert("news", i * 7919 % subscribers));
    CHECK_FALSE(trie.insert("news", 17));
    CHECK(trie.match("news").size() == subscribers);
    for (int i = 0; i < subscribers; ++i) REQUIRE(trie.erase("news", i * 7907 % subscribers));
    CHECK(trie.nodeCount() == 0);
    CHECK(comparisons < std::size_t(subscribers) * 2 * 20);
}

TEST_CASE("an answer stays right when more are kept than there is room for")
{
    Trie<int> trie;
    for (int i = 0; i < 1'000; ++i)
    {
        REQUIRE(trie.insert("#", i));
        REQUIRE(trie.insert("*", i + 500));
    }
    for (int round = 0; round < 2; ++round)
        for (int topic = 0; topic < 1'500; ++topic)
            REQUIRE(trie.match("t" + std::to_string(topic)).size() == 1'500);
    REQUIRE(trie.erase("*", 1'499));
    CHECK(trie.match("t0").size() == 1'499);
}

TEST_CASE("answers that push each other out, and changes between, leave each answer right")
{
    Trie<int> trie;
    constexpr int topics = 10'000;  // more than are kept
    for (int i = 0; i < topics; ++i) REQUIRE(trie.insert("a.long-segment-" + std::to_string(i), i));
    for (int round = 0; round < 3; ++round)
    {
        for (int i = 0; i < topics; ++i)
        {
            const auto found = trie.match("a.long-segment-" + std::to_string(i));
            REQUIRE(found.size() == 1U + static_cast<unsigned>(round));
            REQUIRE(found.front() == i);
        }
        REQUIRE(trie.insert("a.*", topics + round));
    }
    for (int i = 0; i < topics; ++i) REQUIRE(trie.erase("a.long-segment-" + std::to_string(i), i));
    CHECK(trie.nodeCount() == 2);
    CHECK(trie.match("a.long-segment-7").size() == 3);
    for (int round = 0; round < 3; ++round) REQUIRE(trie.erase("a.*", topics + round));
    CHECK(trie.nodeCount() == 0);
    CHECK(trie.match("a.long-segment-7").empty());
    CHECK(trie.insert("a.long-segment-7", 7));
    CHECK(trie.match("a.long-segment-7").size() == 1);
}

namespace
{

// A number that cannot always be copied, as when there is no memory.
struct Fragile
{
    explicit Fragile(int value) : number(value) {}
    Fragile(const Fragile& other) : number(other.number)
    {
        if (fails) throw std::bad_alloc();
    }
    Fragile& operator=(const Fragile&) = default;

    friend auto operator<=>(const Fragile&, const Fragile&) = default;

    int number;
    static inline bool fails = false;
};

}  // namespace

TEST_CASE("a subscription that fails leaves the trie as it was")
{
    Trie<Fragile> trie;
    const Fragile one(1);
    trie.insert("a.b", one);
    trie.insert("a.b.c.d", one);
    for (const std::string_view pattern :
         {"a.b", "a.b.c.d", "a.b.c", "a.b.c.d.e.f", "a.*.x", "#.y", "z", "a.segment-that-is-elsewhere"})
    {
        CAPTURE(pattern);
        Fragile::fails = true;
        CHECK_THROWS_AS(trie.insert(pattern, Fragile(2)), std::bad_alloc);
        Fragile::fails = false;
        CHECK(trie.nodeCount() == 4);
        CHECK(trie.size() == 2);
        CHECK(trie.insert(pattern, Fragile(2)));
        CHECK(trie.erase(pattern, Fragile(2)));
        CHECK(trie.nodeCount() == 4);
    }
    CHECK(trie.erase("a.b.c.d", one));
    CHECK(trie.nodeCount() == 2);
    CHECK(trie.erase("a.b", one));
    CHECK(trie.nodeCount() == 0);
}
