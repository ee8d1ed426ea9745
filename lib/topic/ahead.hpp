#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace strandcast
{

/// What is looked for soon in a large trie is fetched from memory while other work is done, a step at a time:
/// a trie of a million subscriptions lies in memory that no cache holds, and a look-up waits there three
/// times, for the buckets on the way, for their nodes, and for what the nodes hold. Each step begins the next
/// wait, and has none itself where the one before is over.
///
/// It is of one topic or pattern, and a hint only: it keeps numbers, not places, so that it lasts whatever
/// becomes of the trie, and what is found does not depend on it.
class Ahead
{
public:
    using Way = std::uint32_t;
    enum class Step : std::uint8_t
    {
        none,
        buckets,
        nodes,
        contents,
    };

    Ahead() noexcept {}
    Ahead(const Ahead&) = delete;
    Ahead& operator=(const Ahead&) = delete;

    [[nodiscard]] Step step() const noexcept { return step_; }
    void enter(Step step) noexcept { step_ = step; }

    /// Whether there is no room for so many more; of what is deeper, less is gained.
    [[nodiscard]] bool isFull(std::size_t more) const noexcept { return count_ + more > ways_.size(); }
    void add(Way way) noexcept { ways_[count_++] = way; }
    [[nodiscard]] std::span<const Way> ways() const noexcept { return {ways_.data(), count_}; }

    void clear() noexcept
    {
        step_ = Step::none;
        count_ = 0;
    }

private:
    std::array<Way, 24> ways_;  // the first `count_`
    std::uint8_t count_ = 0;
    Step step_ = Step::none;
};

}  // namespace strandcast
