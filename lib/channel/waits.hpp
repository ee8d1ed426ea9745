#pragma once

#include "channel/topic_wants.hpp"

#include <strandcast/swarm_events.hpp>
#include <strandcast/task_events.hpp>

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace strandcast
{

/// What an event decides, for who waits for that; nothing where it decides nothing.
template <typename Event>
[[nodiscard]] std::optional<std::string> decidedBy(const Event& event)
{
    static_cast<void>(event);
    return std::nullopt;
}

/// The name of a proposal, or a decision, of a swarm's: a swarm's id is without a '.'.
[[nodiscard]] inline std::string matterOf(std::string_view swarmId, std::string_view id)
{
    return std::string(swarmId).append(".").append(id);
}

[[nodiscard]] inline std::optional<std::string> decidedBy(const TaskCompletion& event)
{
    return event.taskId;
}

[[nodiscard]] inline std::optional<std::string> decidedBy(const SwarmConsensus& event)
{
    if (event.type != ConsensusStep::accepted && event.type != ConsensusStep::rejected) return std::nullopt;
    return matterOf(event.swarmId, event.proposalId);
}

[[nodiscard]] inline std::optional<std::string> decidedBy(const SwarmDecision& event)
{
    if (!event.result) return std::nullopt;
    return matterOf(event.swarmId, event.decisionId);
}

/// Those who wait for an event that decides something. Used on the client's shard.
template <typename Event>
class Waits
{
public:
    /// One of them, in the frame of a coroutine; what it waits for, it hears from here on.
    class Place : public TopicWait
    {
    public:
        Place(Waits& waits, ShardExecutor executor, std::string matter)
            : TopicWait(executor),
              waits_(waits),
              place_(waits.places_.emplace(std::move(matter), this))
        {
        }
        ~Place() { waits_.places_.erase(place_); }

        /// The event, once finish() was called.
        [[nodiscard]] Event take() { return std::move(*event_); }

    private:
        friend class Waits;

        Waits& waits_;
        const typename std::multimap<std::string, Place*>::iterator place_;
        std::optional<Event> event_;
    };

    [[nodiscard]] bool isEmpty() const noexcept { return places_.empty(); }

    void give(const Event& event)
    {
        const auto matter = decidedBy(event);
        if (!matter) return;
        const auto [from, to] = places_.equal_range(*matter);
        for (auto one = from; one != to; ++one)
        {
            if (one->second->event_) continue;
            one->second->event_ = event;
            one->second->finish();
        }
    }

    void failAll(const std::exception_ptr& failure)
    {
        for (const auto& [matter, place] : places_) place->fail(failure);
    }

private:
    std::multimap<std::string, Place*> places_;
};

}  // namespace strandcast
