#include "topic/segments.hpp"

#include <strandcast/topics.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace strandcast
{

namespace
{

using Tokens = std::vector<std::string_view>;

bool isWildcard(std::string_view segment)
{
    return segment == "*" || segment == "#";
}

Tokens tokensOf(std::string_view text)
{
    Tokens tokens;
    forEachSegment(text, [&](std::string_view segment) { tokens.push_back(segment); });
    // Every topic has a segment; and a leading `#` that takes nothing before a `$` would be a leading
    // wildcard on a topic of the server's own. So there it takes one at least.
    const auto first =
        std::find_if(tokens.begin(), tokens.end(), [](std::string_view token) { return token != "#"; });
    if (first == tokens.end() || (first != tokens.begin() && isReserved(*first)))
        tokens.insert(tokens.begin(), "*");
    return tokens;
}

/// Whether `cover` matches whatever `covered` matches, segment by segment. There are always segments that
/// neither names, and so a literal covers nothing but itself, a `*` no `#`, and wildcards side by side cover
/// as a whole: whatever is long enough where a `#` is among them, else what has just their length.
class Cover
{
public:
    Cover(const Tokens& cover, const Tokens& covered) : cover_(cover), covered_(covered) {}

    [[nodiscard]] bool holds() const
    {
        // The places of `covered` up to which what was looked at of `cover` reaches.
        Places reached(covered_.size() + 1);
        reached[0] = true;
        for (std::size_t index = 0; index < cover_.size();)
        {
            if (!isWildcard(cover_[index]))
            {
                reached = behindLiteral(reached, cover_[index++]);
                continue;
            }
            std::size_t stars = 0;
            bool hasHash = false;
            for (; index < cover_.size() && isWildcard(cover_[index]); ++index)
            {
                if (cover_[index] == "#")
                    hasHash = true;
                else
                    ++stars;
            }
            reached = behindWildcards(reached, stars, hasHash);
        }
        return reached.back();
    }

private:
    using Places = std::vector<bool>;

    [[nodiscard]] Places behindLiteral(const Places& reached, std::string_view literal) const
    {
        Places next(reached.size());
        for (std::size_t place = 0; place < covered_.size(); ++place)
            if (reached[place] && covered_[place] == literal) next[place + 1] = true;
        return next;
    }

    [[nodiscard]] Places behindWildcards(const Places& reached, std::size_t stars, bool hasHash) const
    {
        Places next(reached.size());
        for (std::size_t begin = 0; begin < reached.size(); ++begin)
        {
            if (!reached[begin]) continue;
            std::size_t least = 0;  // so many segments are what lies between
            for (std::size_t end = begin;; ++end)
            {
                if (hasHash ? least >= stars : least == stars) next[end] = true;
                if (end == covered_.size() || (!hasHash && covered_[end] == "#")) break;
                if (covered_[end] != "#") ++least;
            }
        }
        return next;
    }

    const Tokens& cover_;
    const Tokens& covered_;
};

/// With `/` a segment may hold dots, but alone it would be a topic with dots: so a pattern of one such
/// segment and any number of others has one other at least, before it or behind it.
bool coversLonger(const Tokens& cover, const Tokens& covered, std::size_t alone)
{
    for (const auto place : {std::size_t{0}, covered.size()})
    {
        const bool hasRoom = place == 0 ? alone > 0 : alone + 1 < covered.size();
        if (!hasRoom) continue;
        auto longer = covered;
        longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(place), "*");
        if (!Cover(cover, longer).holds()) return false;
    }
    return true;
}

}  // namespace

bool TopicPattern::covers(const TopicPattern& other) const
{
    if (!other.isPattern_) return matches(other.text_);
    if (!isPattern_) return false;
    const auto separator = separatorOf(text_);
    const auto otherSeparator = separatorOf(other.text_);
    if (separator != Separator::none && separator != otherSeparator && other.text_ != "*") return false;

    const auto cover = tokensOf(text_);
    const auto covered = tokensOf(other.text_);
    if (isWildcard(cover.front()) && isReserved(covered.front())) return false;

    const auto isSegment = [](std::string_view token) { return token != "#"; };
    const auto alone = std::find_if(covered.begin(), covered.end(), isSegment);
    const bool isAlone = std::count_if(covered.begin(), covered.end(), isSegment) == 1;
    if (otherSeparator == Separator::slash && isAlone && separatorOf(*alone) == Separator::dot)
        return coversLonger(cover, covered, static_cast<std::size_t>(alone - covered.begin()));
    return Cover(cover, covered).holds();
}

}  // namespace strandcast
