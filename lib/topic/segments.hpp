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

/// Calls `visit` with each segment in turn.
template <typename Visit>
constexpr void forEachSegment(std::string_view text, Visit visit)
{
    const char separator = separatorOf(text) == Separator::slash ? '/' : '.';
    for (;;)
    {
        const auto end = text.find(separator);
        visit(text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

/// Topics of the server's own, which a leading wildcard does not match.
[[nodiscard]] constexpr bool isReserved(std::string_view topic) noexcept
{
    return topic.starts_with('$');
}

}  // namespace strandcast
