#pragma once

#include "topic/ahead.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace strandcast
{

/// Looks ahead in a list of what a trie is asked for, or changed by, one after another.
template <typename Trie, typename Look>
class AheadInList
{
public:
    /// `look(place, ahead)` begins to look ahead for what stands at a place of the list, below `size`. The
    /// trie stays where it is.
    AheadInList(const Trie& trie, std::size_t size, Look look) noexcept
        : trie_(trie),
          size_(size),
          look_(std::move(look))
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
        if (place < size_) look_(place, of(place));
    }

    const Trie& trie_;
    const std::size_t size_;
    Look look_;
    std::size_t next_ = 0;
    std::array<Ahead, 4> ring_;  // of as many steps as there are, and the one that is asked for
};

}  // namespace strandcast
