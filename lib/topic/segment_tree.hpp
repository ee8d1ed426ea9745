#pragma once

#include "topic/chunks.hpp"
#include "topic/segment_text.hpp"
#include "topic/text_hash.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strandcast
{

/// A tree whose ways are called by segments. Its nodes lie in chunks and are called by numbers; what leads
/// from one to the next is a single table of all of them, which grows a bucket at a time.
template <typename Content>
class SegmentTree
{
public:
    using Index = std::uint32_t;
    static constexpr Index none = 0;
    static constexpr Index roots = 3;  ///< these are 1 to 3, and in no table

    struct Node
    {
        [[no_unique_address]] Content content;
        Index parent = none;
        Index next = none;  // in its bucket, or of those that are free
        std::uint32_t literals : 30 = 0;
        std::uint32_t hasStar : 1 = 0;
        std::uint32_t hasHash : 1 = 0;
        std::uint32_t reachedAt = 0;  // the step of a match in which this node of a `#` was reached last
        SegmentText segment;

        [[nodiscard]] bool isUnused() const noexcept { return content.empty() && !hasChildren(); }
        [[nodiscard]] bool hasChildren() const noexcept { return literals > 0 || hasStar || hasHash; }
    };

    [[nodiscard]] Node& operator[](Index index) noexcept { return nodes_[index]; }

    /// How many nodes beside the roots.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool hasRoots() const noexcept { return used_ > 0; }

    void makeRoots()
    {
        nodes_.makeRoom(roots + 1);
        used_ = roots + 1;
    }

    [[nodiscard]] std::uint64_t hashOf(std::string_view segment) const noexcept
    {
        return textHash(segment, seed_);
    }

    [[nodiscard]] Index child(Index parent, std::string_view segment, std::uint64_t hash) noexcept
    {
        if (buckets_ == 0) return none;
        for (Index index = heads_[bucketOf(parent, hash)]; index != none; index = nodes_[index].next)
            if (nodes_[index].parent == parent && nodes_[index].segment.view() == segment) return index;
        return none;
    }

    [[nodiscard]] Index child(Index parent, std::string_view segment) noexcept
    {
        return child(parent, segment, hashOf(segment));
    }

    [[nodiscard]] Index star(Index parent) noexcept { return child(parent, "*", starHash_); }
    [[nodiscard]] Index hash(Index parent) noexcept { return child(parent, "#", hashHash_); }

    /// Fetches at once what will be asked one after another, the buckets and then their nodes: memory that is
    /// far takes longer than all else.
    void prefetchChildren(Index parent, std::uint64_t literal) const noexcept
    {
        const auto& node = nodes_[parent];
        if (node.literals > 0) prefetch(&headOf(parent, literal));
        if (node.hasStar) prefetch(&headOf(parent, starHash_));
        if (node.hasHash) prefetch(&headOf(parent, hashHash_));
        if (node.literals > 0) prefetchFirst(headOf(parent, literal));
        if (node.hasStar) prefetchFirst(headOf(parent, starHash_));
        if (node.hasHash) prefetchFirst(headOf(parent, hashHash_));
    }

    /// Where it throws, nothing has changed.
    Index add(Index parent, std::string_view segment)
    {
        heads_.makeRoom(bucketsPerNode * (size_ + 1));
        nodes_.makeRoom(used_ + 1);
        const Index index = free_ != none ? free_ : used_;
        auto& node = nodes_[index];
        node.segment.assign(segment);
        if (free_ != none)
            free_ = node.next;
        else
            ++used_;
        node.parent = parent;
        ++size_;
        while (buckets_ < bucketsPerNode * size_) splitBucket();
        link(index);
        countChild(nodes_[parent], segment, true);
        return index;
    }

    /// A node that is unused.
    void remove(Index index) noexcept
    {
        auto& node = nodes_[index];
        Index* place = &heads_[bucketOf(node.parent, hashOf(node.segment.view()))];
        while (*place != index) place = &nodes_[*place].next;
        *place = node.next;
        countChild(nodes_[node.parent], node.segment.view(), false);
        node.segment.clear();
        node.next = free_;
        free_ = index;
        --size_;
    }

    /// As if no match had reached any.
    void forgetSteps() noexcept
    {
        for (Index index = 1; index < used_; ++index) nodes_[index].reachedAt = 0;
    }

private:
    [[nodiscard]] std::uint32_t bucketOf(Index parent, std::uint64_t hash) const noexcept
    {
        const auto bits = static_cast<std::uint32_t>(mixed(hash + parent));
        const auto mask = std::bit_ceil(buckets_) - 1;
        const auto bucket = bits & mask;
        return bucket < buckets_ ? bucket : bucket & (mask >> 1);
    }

    [[nodiscard]] const Index& headOf(Index parent, std::uint64_t hash) const noexcept
    {
        return heads_[bucketOf(parent, hash)];
    }

    // Of a bucket's nodes the one that is most likely meant.
    void prefetchFirst(Index head) const noexcept { prefetch(&nodes_[head]); }

    static void prefetch([[maybe_unused]] const void* place) noexcept
    {
#ifdef __GNUC__
        __builtin_prefetch(place);
#endif
    }

    void link(Index index) noexcept
    {
        auto& node = nodes_[index];
        auto& head = heads_[bucketOf(node.parent, hashOf(node.segment.view()))];
        node.next = head;
        head = index;
    }

    // One bucket more, which takes its part of the one that has stood for both.
    void splitBucket() noexcept
    {
        const auto added = buckets_++;
        heads_[added] = none;
        if (added == 0) return;
        auto& source = heads_[added & (std::bit_floor(added) - 1)];
        Index index = source;
        source = none;
        while (index != none)
        {
            const Index next = nodes_[index].next;
            link(index);
            index = next;
        }
    }

    static void countChild(Node& parent, std::string_view segment, bool isAdded) noexcept
    {
        if (segment == "*")
            parent.hasStar = isAdded;
        else if (segment == "#")
            parent.hasHash = isAdded;
        else if (isAdded)
            ++parent.literals;
        else
            --parent.literals;
    }

    static constexpr std::uint32_t bucketsPerNode = 2;  // few are met on the way to the one that is meant

    Chunks<Node> nodes_;
    Chunks<Index> heads_;
    std::uint64_t seed_ = hashSeed();
    std::uint64_t starHash_ = textHash("*", seed_);
    std::uint64_t hashHash_ = textHash("#", seed_);
    std::uint32_t used_ = 0;  // nodes that are or were in use, with the roots and number 0
    Index free_ = none;
    std::uint32_t size_ = 0;
    std::uint32_t buckets_ = 0;
};

}  // namespace strandcast
