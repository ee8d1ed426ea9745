#pragma once

#include "topic/ahead.hpp"
#include "topic/answers.hpp"
#include "topic/segment_tree.hpp"
#include "topic/segments.hpp"
#include "topic/sorted_few.hpp"
#include "topic/text_hash.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// Who is subscribed to what, by segments: finding the subscribers of a topic takes time that grows with the
/// topic's depth and with who is found, not with the number of subscriptions. Patterns and topics are valid:
/// see checkPattern().
///
/// `Less` orders the subscribers of an answer; it must not depend on addresses.
template <typename Subscriber, typename Less = std::less<Subscriber>>
class Trie
{
public:
    /// Subscribes to a topic or pattern. False where that is so already. Where it throws, nothing has
    /// changed.
    bool insert(std::string_view pattern, Subscriber subscriber)
    {
        Ahead ahead;
        return insert(pattern, std::move(subscriber), ahead);
    }

    /// The same after lookAheadOfChange().
    bool insert(std::string_view pattern, Subscriber subscriber, Ahead& ahead)
    {
        if (!tree_.hasRoots()) tree_.makeRoots();
        Index node = rootOf(separatorOf(pattern));
        reachNodes(ahead, [&] { lookAheadOfChange(pattern, ahead); });
        try
        {
            forEachSegment(pattern,
                           [&, way = Tree::wayOfRoot(node)](std::string_view segment) mutable
                           {
                               way = Tree::wayOf(way, tree_.hashOf(segment));
                               node = descend(node, way, segment);
                           });
            if (!tree_[node].content.insert(std::move(subscriber))) return false;
        }
        catch (...)
        {
            prune(node);
            throw;
        }
        ++size_;
        answers_.forget();
        return true;
    }

    /// False where it was not subscribed. It needs no memory.
    bool erase(std::string_view pattern, const Subscriber& subscriber) noexcept
    {
        Ahead ahead;
        return erase(pattern, subscriber, ahead);
    }

    /// The same after lookAheadOfChange().
    bool erase(std::string_view pattern, const Subscriber& subscriber, Ahead& ahead) noexcept
    {
        if (!tree_.hasRoots()) return false;
        Index node = rootOf(separatorOf(pattern));
        reachNodes(ahead, [&] { lookAheadOfChange(pattern, ahead); });
        forEachSegment(pattern,
                       [&, way = Tree::wayOfRoot(node)](std::string_view segment) mutable
                       {
                           way = Tree::wayOf(way, tree_.hashOf(segment));
                           if (node != none) node = tree_.child(node, way, segment);
                       });
        if (node == none || !tree_[node].content.erase(subscriber)) return false;
        --size_;
        answers_.forget();
        prune(node);
        return true;
    }

    /// The subscribers of a topic, each once however many of its patterns match, in the order of `Less`. The
    /// answer is kept until a subscription changes, so that a hot topic costs a look-up. The span lasts until
    /// the trie is changed or asked again.
    [[nodiscard]] std::span<const Subscriber> match(std::string_view topic)
    {
        Ahead ahead;
        return match(topic, ahead);
    }

    /// The same after lookAheadOfMatch().
    [[nodiscard]] std::span<const Subscriber> match(std::string_view topic, Ahead& ahead)
    {
        if (size_ == 0) return {};
        const auto hash = tree_.hashOf(topic);
        if (const auto known = answers_.find(topic, hash)) return *known;
        const bool areNodesNear = ahead.step() == Ahead::Step::nodes;
        reachNodes(ahead, [&] { lookAheadOfMatch(topic, ahead); });
        if (areNodesNear) tree_.lookFurther(ahead);
        visits_ = 0;
        matching_.clear();
        const auto separator = separatorOf(topic);
        for (const auto other : {Separator::none, Separator::dot, Separator::slash})
            if (meet(separator, other) && tree_[rootOf(other)].hasChildren()) collect(rootOf(other), topic);
        if (matching_.size() == 1)
            return answers_.keepOfNode(topic, hash, tree_[matching_.front()].content.all());
        merge();
        return answers_.keepCopy(topic, hash, found_);
    }

    /// Begins to fetch what match(topic) will look at; lookFurther() twice goes on with it. Where little is
    /// subscribed to, all of it is near, and nothing is done.
    void lookAheadOfMatch(std::string_view topic, Ahead& ahead) const noexcept
    {
        if (!tree_.isFar()) return;
        tree_.lookAheadWithWildcards(rootOf(separatorOf(topic)), topic, ahead);
    }

    /// The same for insert() and erase(); what is no pattern may be looked ahead for as well.
    void lookAheadOfChange(std::string_view pattern, Ahead& ahead) const noexcept
    {
        if (!tree_.isFar()) return;
        tree_.lookAhead(rootOf(separatorOf(pattern)), pattern, ahead);
    }

    void lookFurther(Ahead& ahead) const noexcept { tree_.lookFurther(ahead); }

    /// How many subscriptions there are.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// How many nodes beside the roots; none in an empty trie.
    [[nodiscard]] std::size_t nodeCount() const noexcept { return tree_.size(); }

    /// How many nodes the last match that was not cached looked at.
    [[nodiscard]] std::size_t lastVisits() const noexcept { return visits_; }

private:
    using Tree = SegmentTree<SortedFew<Subscriber, Less>>;
    using Index = typename Tree::Index;
    using Way = typename Tree::Way;
    static constexpr Index none = Tree::none;

    /// A node that what was looked at of the topic leads to.
    struct Reached
    {
        Index node;
        Way way;
        bool isHash;  // it takes further segments, and so stays
    };

    // One for each: what they hold does not meet.
    [[nodiscard]] static constexpr Index rootOf(Separator separator) noexcept
    {
        return static_cast<Index>(separator) + 1;
    }

    [[nodiscard]] Index descend(Index node, Way way, std::string_view segment)
    {
        const Index known = tree_.child(node, way, segment);
        return known != none ? known : tree_.add(node, way, segment);
    }

    // Drops what is unused from this node upwards, and all the room where nothing is left.
    void prune(Index node) noexcept
    {
        while (node > Tree::roots && tree_[node].isUnused())
        {
            const Index parent = tree_[node].parent;
            tree_.remove(node);
            node = parent;
        }
        if (tree_.size() == 0) tree_ = {};
    }

    // Who was found, each once.
    void merge()
    {
        found_.clear();
        for (const Index node : matching_)
        {
            const auto subscribers = tree_[node].content.all();
            found_.insert(found_.end(), subscribers.begin(), subscribers.end());
        }
        std::sort(found_.begin(), found_.end(), Less());
        found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    }

    // What nobody has begun to fetch is begun now.
    template <typename Begin>
    void reachNodes(Ahead& ahead, Begin begin) const noexcept
    {
        if (ahead.step() == Ahead::Step::none) begin();
        if (ahead.step() == Ahead::Step::buckets) tree_.lookFurther(ahead);
    }

    // All the ways through the tree are followed at once, a segment at a time. A tree leads to a node in one
    // way, and a node of a `#` once reached stays, and is not reached again; so a step looks at no node
    // twice, whatever the patterns are.
    void collect(Index start, std::string_view topic)
    {
        reached_.clear();
        before_.clear();
        try
        {
            follow(start, topic);
        }
        catch (...)
        {
            leave(before_);
            leave(reached_);
            throw;
        }
        leave(reached_);
    }

    void follow(Index start, std::string_view topic)
    {
        reach(start, Tree::wayOfRoot(start), !isReserved(topic));
        bool isFirst = true;
        forEachSegment(topic,
                       [&](std::string_view segment)
                       {
                           takeStep(segment, !(isFirst && isReserved(topic)));
                           isFirst = false;
                       });
        for (const auto [node, way, isHash] : reached_)
        {
            const auto& content = tree_[node].content;
            if (content.empty()) continue;
            content.prefetch();
            matching_.push_back(node);
        }
    }

    void takeStep(std::string_view segment, bool withStar)
    {
        std::swap(reached_, before_);
        reached_.clear();
        const auto hash = tree_.hashOf(segment);
        for (const auto [index, way, isHash] : before_)
        {
            ++visits_;
            if (isHash) reached_.push_back({index, way, true});
            const auto& node = tree_[index];
            const auto literal = Tree::wayOf(way, hash);
            const auto star = tree_.wayOfStar(way);
            if (node.literals > 0)
                if (const Index child = tree_.child(index, literal, segment); child != none)
                    reach(child, literal, true);
            if (node.hasStar && withStar) reach(tree_.child(index, star, "*"), star, true);
        }
    }

    // A `#` below may take no segment at all.
    void reach(Index index, Way way, bool withHash)
    {
        reached_.push_back({index, way, false});
        if (withHash) reachHash(index, way);
    }

    // What is below by a `#`, with the `#` below that, which may take none either.
    void reachHash(Index index, Way way)
    {
        while (tree_[index].hasHash)
        {
            way = tree_.wayOfHash(way);
            index = tree_.child(index, way, "#");
            if (tree_[index].isStaying) return;
            reached_.push_back({index, way, true});
            tree_[index].isStaying = true;
        }
    }

    void leave(const std::vector<Reached>& reached) noexcept
    {
        for (const auto [index, way, isHash] : reached)
            if (isHash) tree_[index].isStaying = false;
    }

    Tree tree_;
    std::size_t size_ = 0;
    std::size_t visits_ = 0;
    std::vector<Reached> reached_;
    std::vector<Reached> before_;
    std::vector<Index> matching_;    // of the match that is under way
    std::vector<Subscriber> found_;  // the same
    Answers<Subscriber> answers_;
};

}  // namespace strandcast
