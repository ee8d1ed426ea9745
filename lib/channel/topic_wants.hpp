#pragma once

#include "client/client_core.hpp"
#include "coro/signal.hpp"
#include "coro/task_group.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/strand.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace strandcast
{

class TopicWait;

/// A topic that some wait on, who began in the same turn.
struct TopicWant
{
    std::string topic;
    std::set<TopicWait*> waits = {};
    bool isGranted = false;
};

/// One who waits for an event on a topic, in the frame of a coroutine on the client's shard.
class TopicWait
{
public:
    explicit TopicWait(ShardExecutor executor) : changed_(executor) {}
    TopicWait(const TopicWait&) = delete;
    TopicWait& operator=(const TopicWait&) = delete;
    ~TopicWait();

    /// Its end, well or not; the first one counts.
    void finish();
    void fail(std::exception_ptr failure);

    /// Ends with finish().
    /// @throws what it failed with; Error with Errc::timedOut at `deadline`, saying `tooLate`.
    [[nodiscard]] Strand<> end(Clock& clock, Clock::time_point deadline, std::string tooLate);

private:
    friend class TopicWants;

    Signal changed_;
    std::shared_ptr<TopicWant> want_;
    std::exception_ptr failure_;
    bool isFinished_ = false;
};

/// Subscribes to what is waited for, the last events of each topic first, and takes it back when nobody waits
/// any more. What is wanted, or wanted no more, in one turn travels together in few requests. Used on the
/// client's shard.
class TopicWants
{
public:
    /// So many of the events that each topic has had are asked for, where the server can give them.
    TopicWants(std::shared_ptr<ClientCore> client, std::uint64_t last);

    /// Subscribes for `wait`, which fails where that fails.
    static void add(const std::shared_ptr<TopicWants>& self, TopicWait& wait, const std::string& topic);

    /// `wait` has ended.
    static void remove(const std::shared_ptr<TopicWants>& self, TopicWait& wait);

    /// After a time in which events may have been missed: the last ones are asked for again.
    static void renew(const std::shared_ptr<TopicWants>& self);

private:
    using Group = std::vector<std::shared_ptr<TopicWant>>;

    [[nodiscard]] static Strand<> askInTurn(std::shared_ptr<TopicWants> self);
    [[nodiscard]] static Strand<> ask(std::shared_ptr<TopicWants> self, Group group);
    [[nodiscard]] static Strand<> giveBackAll(std::shared_ptr<TopicWants> self);
    [[nodiscard]] static Strand<> giveBackNow(TopicWants& self, std::vector<std::string> topics);
    [[nodiscard]] static Strand<> askAgain(std::shared_ptr<TopicWants> self, std::vector<std::string> topics);
    static void askInHalves(const std::shared_ptr<TopicWants>& self, Group group);
    static void grant(TopicWants& self, TopicWant& want);
    static void giveBack(const std::shared_ptr<TopicWants>& self, std::string topic);

    const std::shared_ptr<ClientCore> client_;
    const SubscribeOptions options_;
    TaskGroup strands_;
    std::map<std::string, std::shared_ptr<TopicWant>> wanted_;  // and not asked for yet
    std::multiset<std::string> granted_;                        // to some that wait
    std::vector<std::string> unwanted_;                         // and not taken back yet
    bool isGivingBack_ = false;
};

}  // namespace strandcast
