#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// The answers to the topics that were asked for last. They are few, and forgotten all at once for the price
/// of a number.
template <typename Subscriber>
class Answers
{
public:
    using Found = std::optional<std::span<const Subscriber>>;

    [[nodiscard]] Found find(std::string_view topic, std::uint64_t hash) const noexcept
    {
        if (slots_.empty()) return std::nullopt;
        const auto first = setOf(hash);
        for (auto index = first; index < first + ways; ++index)
        {
            const auto& slot = slots_[index];
            if (slot.hash == hash && slot.generation == generation_ && slot.topic == topic)
                return slot.copied.empty() ? slot.ofNode : std::span<const Subscriber>(slot.copied);
        }
        return std::nullopt;
    }

    /// An answer that is a node's subscribers themselves.
    std::span<const Subscriber> keepOfNode(std::string_view topic, std::uint64_t hash,
                                           std::span<const Subscriber> ofNode)
    {
        auto& slot = makeFree(topic, hash);
        slot.copied.clear();
        slot.ofNode = ofNode;
        slot.generation = generation_;
        return ofNode;
    }

    /// Any other, whose copy takes the place of one that is not needed any more.
    std::span<const Subscriber> keepCopy(std::string_view topic, std::uint64_t hash,
                                         std::span<const Subscriber> found)
    {
        if (copied_ + found.size() > maxCopied) clear();
        auto& slot = makeFree(topic, hash);
        const auto before = slot.copied.capacity();
        slot.copied.assign(found.begin(), found.end());
        copied_ += slot.copied.capacity() - before;
        slot.ofNode = {};
        slot.generation = generation_;
        return slot.copied;
    }

    void forget() noexcept { ++generation_; }

private:
    // Both together bound what the answers take: a thousand answers of a million subscribers each would be
    // gigabytes.
    static constexpr std::size_t maxAnswers = 4096;
    static constexpr std::size_t maxCopied = 256 * 1024;
    static constexpr std::size_t ways = 4;

    struct Slot
    {
        std::uint64_t hash = 0;
        std::uint64_t generation = 0;
        std::string topic;
        std::vector<Subscriber> copied;
        std::span<const Subscriber> ofNode;  // where nothing is copied
    };

    [[nodiscard]] std::size_t setOf(std::uint64_t hash) const noexcept
    {
        return static_cast<std::size_t>(hash) & (slots_.size() - ways);
    }

    [[nodiscard]] Slot* findFree(std::uint64_t hash) noexcept
    {
        const auto first = setOf(hash);
        for (auto index = first; index < first + ways; ++index)
            if (slots_[index].generation != generation_) return &slots_[index];
        return nullptr;
    }

    // A slot of a topic whose answer is none until it is whole.
    [[nodiscard]] Slot& makeFree(std::string_view topic, std::uint64_t hash)
    {
        if (slots_.empty()) slots_.resize(ways * 4);
        auto* slot = findFree(hash);
        if (!slot && slots_.size() < maxAnswers)
        {
            const auto size = slots_.size();
            clear();
            slots_.resize(size * 4);
            slot = findFree(hash);
        }
        if (!slot) slot = &slots_[setOf(hash) + victim_++ % ways];
        slot->generation = 0;
        slot->topic = topic;
        slot->hash = hash;
        return *slot;
    }

    void clear() noexcept
    {
        slots_.clear();
        copied_ = 0;
    }

    std::vector<Slot> slots_;  // in sets of `ways`, any of which holds what falls into the set
    std::uint64_t generation_ = 1;
    std::size_t copied_ = 0;  // subscribers that the slots have room for copies of
    std::size_t victim_ = 0;
};

}  // namespace strandcast
