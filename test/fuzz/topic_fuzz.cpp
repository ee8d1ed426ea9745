// Subscriptions that come and go, and topics that are asked for, one a line: the trie answers what going
// through all of them segment by segment does, and what a pattern is said to cover it matches.
//
//   +<number><pattern>   -<number><pattern>   ?<topic>

#include "topic/trie.hpp"

#include <strandcast/topics.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

using Subscription = std::pair<std::string, int>;

constexpr TopicLimits limits{.maxBytes = 40, .maxSegments = 8};

void require(bool isSo)
{
    if (!isSo) std::abort();
}

std::vector<std::string> segmentsOf(std::string_view text)
{
    const char separator = text.find('/') != std::string_view::npos ? '/' : '.';
    std::vector<std::string> segments(1);
    for (const char character : text)
        if (character == separator)
            segments.emplace_back();
        else
            segments.back() += character;
    return segments;
}

bool match(const std::vector<std::string>& pattern, std::size_t at, const std::vector<std::string>& topic,
           std::size_t from)
{
    if (at == pattern.size()) return from == topic.size();
    if (pattern[at] == "#")
    {
        for (auto rest = from; rest <= topic.size(); ++rest)
            if (match(pattern, at + 1, topic, rest)) return true;
        return false;
    }
    return from < topic.size() && (pattern[at] == "*" || pattern[at] == topic[from]) &&
           match(pattern, at + 1, topic, from + 1);
}

bool hasSlash(std::string_view text)
{
    return text.find('/') != std::string_view::npos;
}
bool hasDot(std::string_view text)
{
    return !hasSlash(text) && text.find('.') != std::string_view::npos;
}

bool naive(std::string_view pattern, std::string_view topic)
{
    if ((hasSlash(pattern) && hasDot(topic)) || (hasDot(pattern) && hasSlash(topic))) return false;
    const auto segments = segmentsOf(pattern);
    if (topic.starts_with('$') && (segments[0] == "*" || segments[0] == "#")) return false;
    return match(segments, 0, segmentsOf(topic), 0);
}

class Subscriptions
{
public:
    void line(std::string_view text)
    {
        if (text.empty()) return;
        const char kind = text.front();
        text.remove_prefix(1);
        if (kind == '?') return ask(text);
        if (text.empty()) return;
        const int number = text.front();
        text.remove_prefix(1);
        if (checkPattern(text, limits)) return;
        if (kind == '+')
            require(trie_.insert(text, number) == all_.insert({std::string(text), number}).second);
        if (kind == '-') require(trie_.erase(text, number) == (all_.erase({std::string(text), number}) == 1));
        require(trie_.size() == all_.size());
        require(!all_.empty() || trie_.nodeCount() == 0);
    }

private:
    void ask(std::string_view topic)
    {
        if (checkTopic(topic, limits)) return;
        std::set<int> expected;
        for (const auto& [pattern, number] : all_)
        {
            const bool isMatch = naive(pattern, topic);
            require(TopicPattern(pattern, limits).matches(topic) == isMatch);
            if (isMatch) expected.insert(number);
        }
        const auto found = trie_.match(topic);
        require(std::equal(found.begin(), found.end(), expected.begin(), expected.end()));
    }

    Trie<int> trie_;
    std::set<Subscription> all_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char*>(data), size);
    Subscriptions subscriptions;
    while (!text.empty())
    {
        const auto end = std::min(text.find('\n'), text.size());
        subscriptions.line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return 0;
}
