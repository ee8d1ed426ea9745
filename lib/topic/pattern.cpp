#include "topic/segments.hpp"

#include <strandcast/error.hpp>
#include <strandcast/topics.hpp>

#include <cstdint>

namespace strandcast
{

namespace
{

enum class Wildcards : std::uint8_t
{
    refused,
    allowed,
};

bool hasWildcard(std::string_view segment)
{
    return segment.find_first_of("*#") != std::string_view::npos;
}

bool isWildcard(std::string_view segment)
{
    return segment == "*" || segment == "#";
}

std::optional<std::string> check(std::string_view text, const TopicLimits& limits, Wildcards wildcards)
{
    const std::string kind = wildcards == Wildcards::allowed ? "pattern" : "topic";
    const auto invalid = [&](const std::string& why) { return "Invalid " + kind + ": " + why; };
    if (text.empty()) return invalid("it is empty");
    if (text.size() > limits.maxBytes)
        return invalid("it is longer than " + std::to_string(limits.maxBytes) + " bytes");
    std::size_t segments = 0;
    std::optional<std::string> wrong;
    forEachSegment(text,
                   [&](std::string_view segment)
                   {
                       ++segments;
                       if (wrong) return;
                       if (segment.empty()) wrong = invalid("it has an empty segment");
                       if (!hasWildcard(segment)) return;
                       if (wildcards == Wildcards::refused)
                           wrong = invalid("wildcards are for subscribing");
                       else if (!isWildcard(segment))
                           wrong = invalid("a wildcard must be a whole segment");
                   });
    if (wrong) return wrong;
    if (segments > limits.maxSegments)
        return invalid("it has more than " + std::to_string(limits.maxSegments) + " segments");
    return std::nullopt;
}

std::vector<std::string_view> segmentsOf(std::string_view text)
{
    std::vector<std::string_view> segments;
    forEachSegment(text, [&](std::string_view segment) { segments.push_back(segment); });
    return segments;
}

}  // namespace

std::optional<std::string> checkTopic(std::string_view topic, const TopicLimits& limits)
{
    return check(topic, limits, Wildcards::refused);
}

std::optional<std::string> checkPattern(std::string_view pattern, const TopicLimits& limits)
{
    return check(pattern, limits, Wildcards::allowed);
}

TopicPattern::TopicPattern(std::string text, const TopicLimits& limits)
    : text_(std::move(text)),
      isPattern_(hasWildcard(text_))
{
    if (auto wrong = checkPattern(text_, limits)) throw Error(Errc::invalidArgument, std::move(*wrong));
}

bool TopicPattern::matches(std::string_view topic) const
{
    if (!isPattern_) return text_ == topic;
    if (!meet(separatorOf(text_), separatorOf(topic))) return false;
    if (isReserved(topic) && isWildcard(segmentsOf(text_).front())) return false;

    // reached[n]: the first n segments of the pattern can take what of the topic was looked at so far.
    const auto pattern = segmentsOf(text_);
    std::vector<bool> reached(pattern.size() + 1, false);
    const auto passHashes = [&]
    {
        for (std::size_t n = 0; n < pattern.size(); ++n)
            if (reached[n] && pattern[n] == "#") reached[n + 1] = true;
    };
    reached[0] = true;
    passHashes();
    forEachSegment(topic,
                   [&](std::string_view segment)
                   {
                       std::vector<bool> next(pattern.size() + 1, false);
                       for (std::size_t n = 0; n < pattern.size(); ++n)
                       {
                           if (!reached[n]) continue;
                           if (pattern[n] == "#") next[n] = true;
                           if (pattern[n] == "*" || pattern[n] == segment) next[n + 1] = true;
                       }
                       reached = std::move(next);
                       passHashes();
                   });
    return reached[pattern.size()];
}

}  // namespace strandcast
