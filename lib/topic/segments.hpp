#pragma once

#include <cstdint>
#include <string_view>

namespace strandcast
{

/// What joins the segments of a topic.
enum class Separator : std::uint8_t
{
    none,  ///< a single segment, which goes with both
    dot,
    slash,
};

[[nodiscard]] constexpr Separator separatorOf(std::string_view text) noexcept
{
    if (text.find('/') != std::string_view::npos) return Separator::slash;
    return text.find('.') != std::string_view::npos ? Separator::dot : Separator::none;
}

[[nodiscard]] constexpr bool meet(Separator one, Separator other) noexcept
{
    return one == other || one == Separator::none || other == Separator::none;
}

/// The segments of a text, one after another.
class Segments
{
public:
    constexpr explicit Segments(std::string_view text) noexcept
        : left_(text),
          separator_(separatorOf(text) == Separator::slash ? '/' : '.')
    {
    }

    [[nodiscard]] constexpr bool done() const noexcept { return done_; }

    /// The next one, unless done(). What follows the last separator is a segment as well.
    constexpr std::string_view next() noexcept
    {
        const auto end = left_.find(separator_);
        const auto segment = left_.substr(0, end);
        done_ = end == std::string_view::npos;
        left_.remove_prefix(done_ ? left_.size() : end + 1);
        return segment;
    }

private:
    std::string_view left_;
    char separator_;
    bool done_ = false;
};

/// Calls `visit` with each segment in turn.
template <typename Visit>
constexpr void forEachSegment(std::string_view text, Visit visit)
{
    for (Segments segments(text); !segments.done();) visit(segments.next());
}

/// How many segments of a pattern stand behind its first `#`, which may take any number of a topic's: each of
/// them is tried at every place of the topic.
[[nodiscard]] constexpr std::size_t segmentsBehindHash(std::string_view pattern) noexcept
{
    std::size_t behind = 0;
    bool isBehind = false;
    forEachSegment(pattern,
                   [&](std::string_view segment)
                   {
                       if (isBehind) ++behind;
                       isBehind = isBehind || segment == "#";
                   });
    return behind;
}

/// Topics of the server's own, which a leading wildcard does not match.
[[nodiscard]] constexpr bool isReserved(std::string_view topic) noexcept
{
    return topic.starts_with('$');
}

}  // namespace strandcast
