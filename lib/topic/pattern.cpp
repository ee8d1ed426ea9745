#include "topic/segments.hpp"

#include <strandcast/error.hpp>
#include <strandcast/topics.hpp>

#include <algorithm>
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

// In one pass, whether a text is in order as a topic without wildcards. What is not may be a pattern, and
// else check() says why.
bool isTopic(std::string_view text, const TopicLimits& limits)
{
    if (text.empty() || text.size() > limits.maxBytes) return false;
    struct Separators
    {
        std::size_t count = 0;
        std::size_t behindLast = 0;  // where the last segment begins
        bool hasEmpty = false;

        void add(std::size_t position)
        {
            hasEmpty = hasEmpty || position == behindLast;
            behindLast = position + 1;
            ++count;
        }
    };
    Separators dots;
    Separators slashes;
    for (std::size_t position = 0; position < text.size(); ++position)
    {
        const auto character = static_cast<unsigned char>(text[position]);
        if (character > '/') continue;  // as nearly all
        if (character == '*' || character == '#') return false;
        if (character == '.') dots.add(position);
        if (character == '/') slashes.add(position);
    }
    const auto& separators = slashes.count > 0 ? slashes : dots;
    return !separators.hasEmpty && separators.behindLast < text.size() &&
           separators.count < limits.maxSegments;
}

std::optional<std::string> check(std::string_view text, const TopicLimits& limits, Wildcards wildcards)
{
    if (isTopic(text, limits)) return std::nullopt;
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
    const auto wildcard = std::min(text_.find_first_of("*#"), text_.size());
    literal_ = wildcard > 0 ? wildcard - 1 : 0;  // without the separator: `a.#` matches `a`
}

bool TopicPattern::matchesWhole(std::string_view topic) const noexcept
{
    if (!isPattern_) return text_ == topic;
    if (!topic.starts_with(std::string_view(text_).substr(0, literal_))) return false;
    if (!meet(separatorOf(text_), separatorOf(topic))) return false;

    Segments pattern(text_);
    Segments left(topic);
    if (isReserved(topic) && isWildcard(Segments(text_).next())) return false;

    // Only the last `#` ever has to take one segment more: whatever is left over by an earlier one that takes
    // more, the last one can take as well. So `#.a.#.a.#` costs the product of both lengths at most.
    struct Retry
    {
        Segments pattern;  // behind the last `#`
        Segments left;     // what it has not taken
    };
    std::optional<Retry> retry;
    while (!left.done())
    {
        if (!pattern.done())
        {
            const auto expected = pattern.next();
            if (expected == "#")
            {
                retry.emplace(Retry{pattern, left});
                continue;
            }
            const auto segment = left.next();
            if (expected == "*" || expected == segment) continue;
        }
        if (!retry) return false;
        retry->left.next();
        pattern = retry->pattern;
        left = retry->left;
    }
    while (!pattern.done())
        if (pattern.next() != "#") return false;
    return true;
}

}  // namespace strandcast
