#pragma once

#include "client/delivery_queue.hpp"
#include "client/event_tap.hpp"
#include "client/event_view.hpp"
#include "coro/event_queue.hpp"
#include "topic/trie.hpp"

#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/topics.hpp>
#include <strandcast/ws_client.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// The streams that a client's application reads. Made on any thread, fed on the client's own: what is made
/// waits until that looks, so that an event takes no lock here unless a stream is new or somebody taps.
/// Finding those that an event is for takes no longer for the others.
class EventSinks
{
public:
    /// Each stream keeps so many events, and so many bytes of them, but one in any case.
    EventSinks(ShardExecutor executor, std::size_t capacity, std::size_t maxBytes)
        : executor_(executor),
          capacity_(capacity),
          maxBytes_(maxBytes)
    {
    }

    /// A stream of what matches one of `patterns`, or of everything where there is none; and, where `replay`
    /// is not empty, of what the server replays for the request of that id.
    [[nodiscard]] EventStream<Delivery> deliveries(std::vector<TopicPattern> patterns,
                                                   std::string replay = {});
    [[nodiscard]] EventStream<Lifecycle> lifecycle();

    /// It hears from now on, until it goes or is removed; on any thread.
    void add(std::weak_ptr<EventTap> tap);
    void remove(const EventTap& tap);

    // On the client's thread.

    /// Gives an event to every stream that it matches; one that is replayed only to that which asked for it.
    /// Who waits for it is resumed by the next wakeReaders() or wakeReadersLater().
    void push(const EventView& event);
    /// Resumes who waits for what was pushed, there and then: they may do anything, with this as well.
    void wakeReaders();
    /// The same in a later turn, behind what is posted already.
    void wakeReadersLater();
    void push(Lifecycle happened);
    /// Events of `topic` are missing: told to every stream that one of them would have been for.
    void push(const Gap& gap, const std::string& topic);

    /// The connection was lost: a gap of unknown size in every stream of events.
    void pushLost();
    /// Nothing is missing any more, in those streams that were told of a loss; but for those that listen to
    /// one of `refused`, which the server no longer gives.
    void pushResumed(const std::set<std::string>& refused = {});

    /// Ends all streams: what they hold can still be read. It needs no memory but for waking who reads.
    void endAll() noexcept;

    /// How many streams are known, those included that were let go of and not found out yet.
    [[nodiscard]] std::size_t size() const;

private:
    struct Sink
    {
        std::shared_ptr<DeliveryQueue> queue;
        std::vector<TopicPattern> patterns;
        std::string replay = {};  // the request whose replay has not ended
        bool isLost = false;      // it was told of a loss, and not yet of its end

        [[nodiscard]] bool listensTo(const std::set<std::string>& topics) const;
    };

    /// Twice what was left the last time, and some: so what is looked at stays in proportion to what is made.
    class Threshold
    {
    public:
        [[nodiscard]] bool isReachedBy(std::size_t count) const noexcept { return count >= at_; }
        void left(std::size_t count) noexcept { at_ = 2 * count + 16; }

    private:
        std::size_t at_ = 16;
    };

    [[nodiscard]] std::vector<std::shared_ptr<EventTap>> taps() const;
    void tellTaps(const EventView& event) const;
    void takeNew();
    void take(Sink&& added);
    [[nodiscard]] std::span<const std::uint64_t> matchingOf(std::string_view topic);
    void pushReplayed(const EventView& event);
    void give(std::uint64_t number, const EventView& event);
    void give(std::uint64_t number, const Gap& gap);
    void forget(std::map<std::uint64_t, Sink>::iterator sink);
    void forgetClosed();

    const ShardExecutor executor_;
    const std::size_t capacity_;
    const std::size_t maxBytes_;

    // The client's thread's.
    std::vector<std::shared_ptr<DeliveryQueue>> toBeWoken_;
    std::map<std::uint64_t, Sink> deliveries_;
    Trie<std::uint64_t> byPattern_;
    std::string lastTopic_;                        // that byPattern_ was asked for
    std::span<const std::uint64_t> lastMatching_;  // what it said
    bool isLastKnown_ = false;                     // and would say again
    std::set<std::uint64_t> ofEverything_;
    std::map<std::string, std::uint64_t, std::less<>> replays_;  // by the ids of their requests
    std::vector<std::uint64_t> recipients_;
    std::uint64_t lastNumber_ = 0;
    Threshold forgetAt_;

    std::atomic<bool> hasNew_ = false;   // whether new_ holds any
    std::atomic<bool> hasTaps_ = false;  // so that an event which nobody taps asks no further
    mutable std::mutex mutex_;           // of all that follows
    std::vector<Sink> new_;              // which the client's thread has not taken yet
    Threshold forgetNewAt_;
    std::vector<std::shared_ptr<EventQueue<Lifecycle>>> lifecycle_;
    Threshold forgetLifecycleAt_;
    std::vector<std::weak_ptr<EventTap>> taps_;
    std::vector<std::shared_ptr<EventTap>> atEnd_;  // room for all of them, for when there is no memory
};

}  // namespace strandcast
