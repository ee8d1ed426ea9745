#pragma once

#include "topic/ahead.hpp"
#include "topic/chunks.hpp"
#include "topic/segment_text.hpp"
#include "topic/segments.hpp"
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
    using Way = Ahead::Way;  ///< the segments from the root to a node, hashed
    static constexpr Index none = 0;
    static constexpr Index roots = 3;  ///< these are 1 to 3, and in no table

    struct Node
    {
        [[no_unique_address]] Content content;
        Index parent = none;
        Index next = none;  // in its bucket, or of those that are free
        Way way = 0;
        std::uint32_t literals : 29 = 0;
        std::uint32_t hasStar : 1 = 0;
        std::uint32_t hasHash : 1 = 0;
        std::uint32_t isStaying : 1 = 0;  // a node of a `#` that the match that is under way has reached
        SegmentText segment;

        [[nodiscard]] bool isUnused() const noexcept { return content.empty() && !hasChildren(); }
        [[nodiscard]] bool hasChildren() const noexcept { return literals > 0 || hasStar || hasHash; }
    };

    [[nodiscard]] Node& operator[](Index index) noexcept { return nodes_[index]; }

    /// How many nodes beside the roots.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool hasRoots() const noexcept { return used_ > 0; }

    /// Whether so much is there that it cannot all be near.
    [[nodiscard]] bool isFar() const noexcept { return buckets_ > 16'384; }

    void makeRoots()
    {
        nodes_.makeRoom(roots + 1);
        used_ = roots + 1;
    }

    [[nodiscard]] std::uint64_t hashOf(std::string_view segment) const noexcept
    {
        return textHash(segment, seed_);
    }

    [[nodiscard]] static Way wayOfRoot(Index root) noexcept { return root; }

    /// The way to a child, whether there is one or not.
    [[nodiscard]] static Way wayOf(Way parent, std::uint64_t hash) noexcept
    {
        return static_cast<Way>(mixed(hash + parent));
    }

    /// `way` is the child's. It is not worked out here from the parent, so that it can be looked up before
    /// the parent has come.
    [[nodiscard]] Index child(Index parent, Way way, std::string_view segment) noexcept
    {
        if (buckets_ == 0) return none;
        for (Index index = headOf(way); index != none; index = nodes_[index].next)
            if (nodes_[index].parent == parent && nodes_[index].segment.view() == segment) return index;
        return none;
    }

    [[nodiscard]] Way wayOfStar(Way parent) const noexcept { return wayOf(parent, starHash_); }
    [[nodiscard]] Way wayOfHash(Way parent) const noexcept { return wayOf(parent, hashHash_); }

    /// Begins to fetch what is on the way of a pattern.
    void lookAhead(Index root, std::string_view pattern, Ahead& ahead) const noexcept
    {
        lookAlong(root, pattern, ahead, [](Way) {});
    }

    /// The same for a topic, with the wildcards that may turn off its way.
    void lookAheadWithWildcards(Index root, std::string_view topic, Ahead& ahead) const noexcept
    {
        lookAlong(root, topic, ahead,
                  [&](Way way)
                  {
                      addAhead(wayOfStar(way), ahead);
                      addAhead(wayOfHash(way), ahead);
                  });
    }

    /// The next step.
    void lookFurther(Ahead& ahead) const noexcept
    {
        if (!isFar()) return;
        if (ahead.step() == Ahead::Step::buckets)
        {
            for (const auto way : ahead.ways()) fetch(nodes_[headOf(way)]);
            ahead.enter(Ahead::Step::nodes);
        }
        else if (ahead.step() == Ahead::Step::nodes)
        {
            for (const auto way : ahead.ways()) fetchContent(nodes_[headOf(way)], way);
            ahead.enter(Ahead::Step::contents);
        }
    }

    /// Where it throws, nothing has changed.
    Index add(Index parent, Way way, std::string_view segment)
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
        node.way = way;
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
        Index* place = &heads_[bucketOf(node.way)];
        while (*place != index) place = &nodes_[*place].next;
        *place = node.next;
        countChild(nodes_[node.parent], node.segment.view(), false);
        node.segment.clear();
        node.next = free_;
        free_ = index;
        --size_;
    }

private:
    [[nodiscard]] std::uint32_t bucketOf(Way way) const noexcept
    {
        const auto mask = std::bit_ceil(buckets_) - 1;
        const auto bucket = way & mask;
        return bucket < buckets_ ? bucket : bucket & (mask >> 1);
    }

    [[nodiscard]] const Index& headOf(Way way) const noexcept { return heads_[bucketOf(way)]; }

    // With each way before it is followed.
    template <typename Before>
    void lookAlong(Index root, std::string_view text, Ahead& ahead, Before before) const noexcept
    {
        constexpr std::size_t mostOfSegment = 3;
        ahead.clear();
        ahead.enter(Ahead::Step::buckets);
        auto way = wayOfRoot(root);
        for (Segments segments(text); !segments.done() && !ahead.isFull(mostOfSegment);)
        {
            before(way);
            way = wayOf(way, hashOf(segments.next()));
            addAhead(way, ahead);
        }
    }

    void addAhead(Way way, Ahead& ahead) const noexcept
    {
        fetchLine(&headOf(way));
        ahead.add(way);
    }

    // A part of it may be in a line of its own.
    static void fetch(const Node& node) noexcept
    {
        fetchLine(&node);
        fetchLine(&node.segment);
    }

    // Where the first of the bucket is not the one that is meant, the second most likely is.
    void fetchContent(const Node& first, Way way) const noexcept
    {
        if (first.way == way)
            first.content.prefetch();
        else
            fetch(nodes_[first.next]);
    }

    static void fetchLine([[maybe_unused]] const void* place) noexcept
    {
#ifdef __GNUC__
        __builtin_prefetch(place);
#endif
    }

    void link(Index index) noexcept
    {
        auto& node = nodes_[index];
        auto& head = heads_[bucketOf(node.way)];
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
