#pragma once

#include <strandcast/topics.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

/// What joins the segments of a topic or pattern (protocol.md, "Topics").
enum class Separator : char
{
    none = '\0',  ///< one segment: goes with both
    dot = '.',
    slash = '/',
};

/// `/` where the text holds one, else `.`, if it holds that.
[[nodiscard]] Separator separatorOf(std::string_view text) noexcept;

/// Whether a pattern of the one separator can match a topic of the other.
[[nodiscard]] constexpr bool meet(Separator one, Separator other) noexcept
{
    return one == other || one == Separator::none || other == Separator::none;
}

/// The segments of a text, one after another.
class Segments
{
public:
    explicit Segments(std::string_view text) noexcept : Segments(text, separatorOf(text)) {}
    Segments(std::string_view text, Separator separator) noexcept : text_(text), separator_(separator) {}

    [[nodiscard]] bool done() const noexcept { return done_; }

    /// The next one; done() says whether there is one. What follows the last separator is a segment too.
    [[nodiscard]] std::string_view next() noexcept
    {
        const auto end =
            separator_ == Separator::none ? text_.npos : text_.find(static_cast<char>(separator_));
        const auto segment = text_.substr(0, end);
        if (end == text_.npos)
            done_ = true;
        else
            text_.remove_prefix(end + 1);
        return segment;
    }

private:
    std::string_view text_;
    Separator separator_;
    bool done_ = false;
};

/// What is wrong with `text` as a topic to publish to, which has no wildcard.
[[nodiscard]] std::optional<std::string> checkTopic(std::string_view text, const TopicLimits& limits = {});

/// What is wrong with `text` as something to subscribe to: a topic or a pattern.
[[nodiscard]] std::optional<std::string> checkPattern(std::string_view text, const TopicLimits& limits = {});

/// Whether a valid text has a wildcard.
[[nodiscard]] bool hasWildcard(std::string_view text) noexcept;

/// Whether it is a topic that only the server publishes to, and that no leading wildcard matches.
[[nodiscard]] constexpr bool isReserved(std::string_view topic) noexcept
{
    return topic.starts_with('$');
}

/// Whether `pattern` matches `topic`, both valid. In the product of their lengths at most.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view topic) noexcept;

}  // namespace strandcast
