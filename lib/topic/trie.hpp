#pragma once

#include "topic/segments.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace strandcast
{

/// Lets a map of strings be asked with a view.
struct TextHash
{
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept
    {
        return std::hash<std::string_view>()(text);
    }
};

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
        try
        {
            Node* node = &root(separatorOf(pattern));
            forEachSegment(pattern, [&](std::string_view segment) { node = &descend(*node, segment); });
            auto& subscribers = node->subscribers;
            const auto place = std::lower_bound(subscribers.begin(), subscribers.end(), subscriber, Less());
            if (place != subscribers.end() && *place == subscriber) return false;
            subscribers.insert(place, std::move(subscriber));
        }
        catch (...)
        {
            prune(pattern);
            throw;
        }
        ++size_;
        forgetAnswers();
        return true;
    }

    /// False where it was not subscribed. It needs no memory.
    bool erase(std::string_view pattern, const Subscriber& subscriber)
    {
        Node* node = &root(separatorOf(pattern));
        forEachSegment(pattern,
                       [&](std::string_view segment)
                       {
                           if (node) node = node->child(segment);
                       });
        if (!node) return false;
        auto& subscribers = node->subscribers;
        const auto found = std::lower_bound(subscribers.begin(), subscribers.end(), subscriber, Less());
        if (found == subscribers.end() || !(*found == subscriber)) return false;
        subscribers.erase(found);
        --size_;
        forgetAnswers();
        prune(pattern);
        return true;
    }

    /// The subscribers of a topic, each once however many of its patterns match, in the order of `Less`. The
    /// answer is kept until a subscription changes, so that a hot topic costs a look-up. The span lasts until
    /// the trie is changed or asked again.
    [[nodiscard]] std::span<const Subscriber> match(std::string_view topic)
    {
        if (const auto known = answers_.find(topic); known != answers_.end())
            return known->second.subscribers;
        visits_ = 0;
        matching_.clear();
        const auto separator = separatorOf(topic);
        for (const auto other : {Separator::none, Separator::dot, Separator::slash})
            if (meet(separator, other)) collect(root(other), topic);
        return keep(topic, matching_.size() == 1 ? Answer(matching_.front()->subscribers) : merge());
    }

    /// Calls `visit` with each subscribed pattern and its subscribers, in the order of `Less`.
    /// The patterns come in no order that lasts.
    template <typename Visit>
    void forEach(Visit visit) const
    {
        for (const auto separator : {Separator::none, Separator::dot, Separator::slash})
            forEachBelow(roots_[static_cast<std::size_t>(separator)], {},
                         separator == Separator::slash ? '/' : '.', visit);
    }

    /// How many subscriptions there are.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// How many nodes beside the roots; none in an empty trie.
    [[nodiscard]] std::size_t nodeCount() const noexcept { return nodes_; }

    /// How many nodes the last match that was not cached looked at.
    [[nodiscard]] std::size_t lastVisits() const noexcept { return visits_; }

private:
    // Both together bound what the answers take: a thousand answers of a million subscribers each would be
    // gigabytes.
    static constexpr std::size_t maxAnswers = 1024;
    static constexpr std::size_t maxCopied = 256 * 1024;

    struct Node
    {
        std::unordered_map<std::string, std::unique_ptr<Node>, TextHash, std::equal_to<>> children;
        std::unique_ptr<Node> star;           // of `*`
        std::unique_ptr<Node> hash;           // of `#`
        std::vector<Subscriber> subscribers;  // in the order of `Less`
        std::uint64_t reachedAt = 0;  // the step of a match in which this node of a `#` was reached last

        [[nodiscard]] Node* child(std::string_view segment) const
        {
            if (segment == "*") return star.get();
            if (segment == "#") return hash.get();
            return literal(segment);
        }

        [[nodiscard]] Node* literal(std::string_view segment) const
        {
            const auto found = children.find(segment);
            return found == children.end() ? nullptr : found->second.get();
        }

        void eraseChild(std::string_view segment)
        {
            if (segment == "*")
                star.reset();
            else if (segment == "#")
                hash.reset();
            else
                children.erase(children.find(segment));
        }

        [[nodiscard]] std::size_t childCount() const
        {
            return children.size() + (star ? 1 : 0) + (hash ? 1 : 0);
        }

        [[nodiscard]] bool isUnused() const { return subscribers.empty() && childCount() == 0; }
    };

    /// A node that what was looked at of the topic leads to.
    struct Reached
    {
        Node* node;
        bool isHash;  // it may take further segments
    };

    [[nodiscard]] Node& root(Separator separator) { return roots_[static_cast<std::size_t>(separator)]; }

    [[nodiscard]] Node& descend(Node& node, std::string_view segment)
    {
        if (Node* const known = node.child(segment)) return *known;
        auto created = std::make_unique<Node>();
        Node& reference = *created;
        if (segment == "*")
            node.star = std::move(created);
        else if (segment == "#")
            node.hash = std::move(created);
        else
            node.children.emplace(std::string(segment), std::move(created));
        ++nodes_;
        return reference;
    }

    // Drops what is unused at the end of the way that the pattern takes.
    void prune(std::string_view pattern) noexcept
    {
        Node* const start = &root(separatorOf(pattern));
        Node* node = start;
        Node* keeper = start;      // the last on the way that stays
        std::string_view dropped;  // how its child that may go is called
        std::size_t length = 0;    // of the way behind it
        bool isThere = true;
        forEachSegment(pattern,
                       [&](std::string_view segment)
                       {
                           Node* const child = isThere ? node->child(segment) : nullptr;
                           isThere = child != nullptr;
                           if (!isThere) return;
                           if (node == start || !node->subscribers.empty() || node->childCount() > 1)
                           {
                               keeper = node;
                               dropped = segment;
                               length = 0;
                           }
                           ++length;
                           node = child;
                       });
        if (length == 0 || !node->isUnused()) return;
        keeper->eraseChild(dropped);
        nodes_ -= length;
    }

    /// Who gets a topic: a node's subscribers themselves, where they are all of a single node.
    struct Answer
    {
        explicit Answer(const std::vector<Subscriber>& ofNode) : subscribers(ofNode) {}
        explicit Answer(std::vector<Subscriber>&& ofMany) : copied(std::move(ofMany)), subscribers(copied) {}
        Answer(Answer&&) noexcept = default;  // which leaves the elements where they are

        std::vector<Subscriber> copied;
        std::span<const Subscriber> subscribers;
    };

    [[nodiscard]] Answer merge() const
    {
        std::vector<Subscriber> found;
        for (const Node* const node : matching_)
            found.insert(found.end(), node->subscribers.begin(), node->subscribers.end());
        std::sort(found.begin(), found.end(), Less());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return Answer(std::move(found));
    }

    [[nodiscard]] std::span<const Subscriber> keep(std::string_view topic, Answer answer)
    {
        const auto copied = answer.copied.size();
        if (answers_.size() >= maxAnswers || copied_ + copied > maxCopied) forgetAnswers();
        const auto kept = answers_.emplace(std::string(topic), std::move(answer)).first;
        copied_ += copied;
        return kept->second.subscribers;
    }

    void forgetAnswers() noexcept
    {
        answers_.clear();
        copied_ = 0;
    }

    // All the ways through the trie are followed at once, a segment at a time. A tree leads to a node in one
    // way, and a node of a `#` is noted once in a step; so a step looks at no node twice, whatever the
    // patterns are.
    void collect(Node& start, std::string_view topic)
    {
        reached_.clear();
        ++step_;
        reach(start, false, !isReserved(topic));
        bool isFirst = true;
        forEachSegment(topic,
                       [&](std::string_view segment)
                       {
                           std::swap(reached_, before_);
                           reached_.clear();
                           ++step_;
                           for (const auto [node, isHash] : before_)
                           {
                               ++visits_;
                               if (isHash) reach(*node, true, true);
                               if (Node* const child = node->literal(segment)) reach(*child, false, true);
                               if (node->star && !(isFirst && isReserved(topic)))
                                   reach(*node->star, false, true);
                           }
                           isFirst = false;
                       });
        for (const auto [node, isHash] : reached_)
            if (!node->subscribers.empty()) matching_.push_back(node);
    }

    // A `#` below may take no segment at all.
    void reach(Node& node, bool isHash, bool withHash)
    {
        if (isHash)
        {
            if (node.reachedAt == step_) return;
            node.reachedAt = step_;
        }
        reached_.push_back({&node, isHash});
        if (withHash && node.hash) reach(*node.hash, true, true);
    }

    template <typename Visit>
    static void forEachBelow(const Node& node, const std::string& path, char separator, Visit& visit)
    {
        if (!node.subscribers.empty()) visit(path, node.subscribers);
        const auto below = [&](std::string_view segment)
        { return path.empty() ? std::string(segment) : path + separator + std::string(segment); };
        for (const auto& [segment, child] : node.children)
            forEachBelow(*child, below(segment), separator, visit);
        if (node.star) forEachBelow(*node.star, below("*"), separator, visit);
        if (node.hash) forEachBelow(*node.hash, below("#"), separator, visit);
    }

    std::array<Node, 3> roots_;  // one for each Separator: what they hold does not meet
    std::size_t size_ = 0;
    std::size_t nodes_ = 0;
    std::size_t visits_ = 0;
    std::uint64_t step_ = 0;
    std::vector<Reached> reached_;
    std::vector<Reached> before_;
    std::vector<const Node*> matching_;  // of the match that is under way
    std::unordered_map<std::string, Answer, TextHash, std::equal_to<>> answers_;
    std::size_t copied_ = 0;  // subscribers that the answers hold copies of
};

}  // namespace strandcast
