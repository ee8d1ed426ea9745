#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// How long topics and patterns may be.
struct TopicLimits
{
    std::size_t maxBytes = 255;
    std::size_t maxSegments = 64;
};

/// What is wrong with a topic that events are published on, if anything: empty, an empty segment, a wildcard,
/// too long. That it is UTF-8 is the caller's to see to: on the wire each byte that is none becomes U+FFFD.
[[nodiscard]] std::optional<std::string> checkTopic(std::string_view topic, const TopicLimits& limits = {});

/// The same for a topic or pattern that is subscribed to, where a wildcard may be a whole segment.
[[nodiscard]] std::optional<std::string> checkPattern(std::string_view pattern,
                                                      const TopicLimits& limits = {});

/// A topic, or a pattern of topics (protocol.md, "Topics"). Segments are joined by `/` where the text holds
/// one, else by `.`; `*` is exactly one segment and `#` any number, none included. A pattern meets topics of
/// its own separator; a text with neither separator goes with both.
class TopicPattern
{
public:
    /// @throws Error with Errc::invalidArgument, saying what is wrong.
    explicit TopicPattern(std::string text, const TopicLimits& limits = {});

    /// Whether events on `topic` are meant. In time that grows with the product of both lengths at most.
    [[nodiscard]] bool matches(std::string_view topic) const noexcept
    {
        return beginsLike(topic) && matchesWhole(topic);
    }

    /// Whether every topic that `other` matches is matched by this one, as an allow list needs it: `#` is
    /// covered by `#` alone. In time that grows with the third power of the lengths at most.
    [[nodiscard]] bool covers(const TopicPattern& other) const;

    /// Whether it has a wildcard.
    [[nodiscard]] bool isPattern() const noexcept { return isPattern_; }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    // The first character tells most topics apart that do not match.
    [[nodiscard]] bool beginsLike(std::string_view topic) const noexcept
    {
        return literal_ == 0 || topic.empty() || topic.front() == text_[0];
    }
    [[nodiscard]] bool matchesWhole(std::string_view topic) const noexcept;

    std::string text_;
    bool isPattern_;
    std::size_t literal_ = 0;  // so many bytes at the front are in every topic that matches
};

/// The topics and patterns of one request: `{"agent.*.status", "task.#"}`, or a single one.
class Topics
{
public:
    Topics() = default;
    // Of views, because g++ 14 fails with an internal error on a list of strings in an expression with
    // co_await.
    Topics(std::initializer_list<std::string_view> topics) : topics_(topics.begin(), topics.end()) {}
    Topics(std::vector<std::string> topics)
        : topics_(std::move(topics)) {}                                 // NOLINT(google-explicit-constructor)
    Topics(std::string topic) { topics_.push_back(std::move(topic)); }  // NOLINT(google-explicit-constructor)
    Topics(const char* topic) : Topics(std::string(topic)) {}           // NOLINT(google-explicit-constructor)

    [[nodiscard]] const std::vector<std::string>& list() const noexcept { return topics_; }

private:
    std::vector<std::string> topics_;
};

}  // namespace strandcast
