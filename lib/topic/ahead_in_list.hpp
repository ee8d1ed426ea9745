#pragma once

#include "topic/ahead.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace strandcast
{

/// Looks ahead in a list of patterns that are inserted or erased one after another.
template <typename Trie>
class AheadInList
{
public:
    /// The trie and the list stay where they are.
    AheadInList(const Trie& trie, std::span<const std::string> patterns) noexcept
        : trie_(trie),
          patterns_(patterns)
    {
        for (std::size_t place = 0; place + 1 < ring_.size(); ++place) begin(place);
    }

    /// For the next of the list. It lasts until the one after.
    Ahead& next() noexcept
    {
        const auto place = next_++;
        begin(place + ring_.size() - 1);
        for (auto later = place + ring_.size() - 2; later > place; --later) trie_.lookFurther(of(later));
        return of(place);
    }

private:
    [[nodiscard]] Ahead& of(std::size_t place) noexcept { return ring_[place % ring_.size()]; }

    void begin(std::size_t place) noexcept
    {
        of(place).clear();
        if (place < patterns_.size()) trie_.lookAheadOfChange(patterns_[place], of(place));
    }

    const Trie& trie_;
    std::span<const std::string> patterns_;
    std::size_t next_ = 0;
    std::array<Ahead, 4> ring_;  // of as many steps as there are, and the one that is asked for
};

}  // namespace strandcast
