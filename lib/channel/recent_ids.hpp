#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>

namespace strandcast
{

/// The last so many ids, to know one that comes again.
class RecentIds
{
public:
    explicit RecentIds(std::size_t capacity) : capacity_(capacity) {}

    /// Whether it is new; from now on it is known.
    [[nodiscard]] bool add(const std::string& id)
    {
        const auto [place, isNew] = known_.insert(id);
        if (!isNew) return false;
        inOrder_.push_back(&*place);  // an element of a set stays where it is
        if (inOrder_.size() > capacity_) forgetOldest();
        return true;
    }

private:
    void forgetOldest()
    {
        known_.erase(known_.find(*inOrder_.front()));
        inOrder_.pop_front();
    }

    const std::size_t capacity_;
    std::unordered_set<std::string> known_;
    std::deque<const std::string*> inOrder_;
};

}  // namespace strandcast
