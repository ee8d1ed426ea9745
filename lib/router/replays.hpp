#pragma once

#include "router/replay.hpp"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace strandcast
{

/// The replays of one client that run, in the order of their requests. Nearly always there are none, and that
/// costs a client no more than a pointer.
class Replays
{
public:
    using List = std::vector<std::shared_ptr<Replay>>;

    [[nodiscard]] bool empty() const noexcept { return !list_; }
    [[nodiscard]] List::const_iterator begin() const noexcept { return list().begin(); }
    [[nodiscard]] List::const_iterator end() const noexcept { return list().end(); }
    [[nodiscard]] std::size_t size() const noexcept { return list().size(); }

    void add(std::shared_ptr<Replay> replay)
    {
        auto grown = list();
        grown.push_back(std::move(replay));
        list_ = std::make_unique<const List>(std::move(grown));
    }

    /// Asks for each, in order. Where that throws all stay, and the client is to be closed.
    template <typename Predicate>
    void eraseIf(Predicate isOver)
    {
        if (!list_) return;
        auto left = *list_;
        if (std::erase_if(left, isOver) == 0) return;
        list_ = left.empty() ? nullptr : std::make_unique<const List>(std::move(left));
    }

private:
    [[nodiscard]] const List& list() const noexcept
    {
        static const List none;
        return list_ ? *list_ : none;
    }

    std::unique_ptr<const List> list_;
};

}  // namespace strandcast
