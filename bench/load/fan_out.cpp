#include "fan_out.hpp"

#include "messages.hpp"
#include "server_cpu.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

namespace load
{

namespace
{

std::string topicOf(const FanOut& work, std::uint64_t number)
{
    if (work.isPattern) return fmt::format("agent.{}.status", number % 16);
    return fmt::format("bench.{}", number % work.topics);
}

/// Which publishes one subscriber is to get: those whose number leaves one of `offsets` when divided by
/// `topics`.
class Expected
{
public:
    Expected(const FanOut& work, std::size_t subscriber) : period_(work.topics)
    {
        for (std::size_t each = 0; each < work.topicsEach; ++each)
            offsets_.push_back((subscriber + each * (work.topics / work.topicsEach)) % work.topics);
        std::sort(offsets_.begin(), offsets_.end());
    }

    [[nodiscard]] const std::vector<std::size_t>& offsets() const noexcept { return offsets_; }

    /// Whether `number` is the one that comes next.
    bool take(std::uint64_t number)
    {
        if (number != base_ + offsets_[next_]) return false;
        if (++next_ == offsets_.size())
        {
            next_ = 0;
            base_ += period_;
        }
        return true;
    }

private:
    std::size_t period_;
    std::vector<std::size_t> offsets_;
    std::size_t next_ = 0;
    std::uint64_t base_ = 0;
};

class FanOutRun
{
public:
    FanOutRun(const Target& target, const FanOut& work) : work_(work), crowd_(target)
    {
        for (std::size_t place = 0; place < work.subscribers; ++place)
        {
            expected_.emplace_back(work, place);
            std::vector<std::string> topics;
            for (const auto offset : expected_.back().offsets())
                topics.push_back(work.isPattern ? "agent.*.status" : fmt::format("bench.{}", offset));
            crowd_.add(topics);
        }
        publisher_ = crowd_.add({});
        flights_.resize(ringSize());
        perTopic_.resize(work.topics);
        for (const auto& expected : expected_)
            for (const auto offset : expected.offsets()) ++perTopic_[offset];
    }

    void publish(std::uint64_t count)
    {
        const auto end = published_ + count;
        while (ended_ < end)
        {
            while (published_ < end && published_ - ended_ < work_.window) start();
            crowd_[publisher_].flush();
            crowd_.poll([this](std::size_t place, std::string_view text) { take(place, text); });
            while (ended_ < published_ && flights_[ended_ % flights_.size()].left == 0) ++ended_;
        }
    }

    [[nodiscard]] std::uint64_t deliveries() const noexcept { return deliveries_; }
    [[nodiscard]] std::vector<std::int64_t>& latencies() noexcept { return latencies_; }

private:
    struct Flight
    {
        std::int64_t start = 0;
        std::size_t left = 0;  // deliveries, and the ack
    };

    [[nodiscard]] std::size_t ringSize() const
    {
        std::size_t size = 1;
        while (size < work_.window) size *= 2;
        return size;
    }

    void start()
    {
        auto& flight = flights_[published_ % flights_.size()];
        flight = {wallNow(), perTopic_[published_ % work_.topics] + 1};
        crowd_[publisher_].queue(publishMessage(topicOf(work_, published_), published_, work_.dataSize));
        ++published_;
    }

    void take(std::size_t place, std::string_view text)
    {
        if (place == publisher_)
        {
            if (!isAck(text)) fail("no ack: " + std::string(text));
            return arrived(acked_++);
        }
        const auto number = numberOf(text);
        if (number < 0) fail("no event: " + std::string(text));
        if (!expected_[place].take(static_cast<std::uint64_t>(number)))
            fail(fmt::format("subscriber {} got event {} out of turn", place, number));
        ++deliveries_;
        arrived(static_cast<std::uint64_t>(number));
    }

    void arrived(std::uint64_t number)
    {
        auto& flight = flights_[number % flights_.size()];
        if (flight.left == 0) fail("something came twice");
        if (--flight.left == 0) latencies_.push_back(wallNow() - flight.start);
    }

    FanOut work_;
    Crowd crowd_;
    std::size_t publisher_ = 0;
    std::vector<Expected> expected_;     // per subscriber
    std::vector<std::size_t> perTopic_;  // subscribers
    std::vector<Flight> flights_;
    std::vector<std::int64_t> latencies_;
    std::uint64_t published_ = 0;
    std::uint64_t ended_ = 0;
    std::uint64_t acked_ = 0;
    std::uint64_t deliveries_ = 0;
};

double at(const std::vector<std::int64_t>& sorted, double part)
{
    return static_cast<double>(
               sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * part)]) /
           1000;
}

}  // namespace

void runFanOut(const Target& target, ::pid_t server, const FanOut& work)
{
    const auto run = std::make_unique<FanOutRun>(target, work);
    run->publish(std::max<std::uint64_t>(work.publishes / 10, work.window));
    run->latencies().clear();
    const auto before = run->deliveries();
    const ServerCpu cpu(server);
    const auto begin = cpu.now();
    const auto wall = wallNow();
    run->publish(work.publishes);
    const auto used = cpu.now() - begin;
    const auto deliveries = run->deliveries() - before;
    auto& latencies = run->latencies();
    std::sort(latencies.begin(), latencies.end());
    fmt::print(R"({{"count":{},"cpu":{:.4f},"wall":{:.3f},"median":{:.1f},"p99":{:.1f}}})"
               "\n",
               deliveries, static_cast<double>(used) / 1000 / static_cast<double>(deliveries),
               static_cast<double>(wallNow() - wall) / 1e9, at(latencies, 0.5), at(latencies, 0.99));
}

void runRequests(const Target& target, ::pid_t server, std::size_t connections, std::uint64_t publishes)
{
    const auto crowd = std::make_unique<Crowd>(target);
    for (std::size_t place = 0; place < connections; ++place) crowd->add({});
    std::uint64_t started = 0;
    std::uint64_t acked = 0;
    const auto send = [&](std::size_t place)
    {
        (*crowd)[place].queue(publishMessage("bench.nobody", started++, 128));
        (*crowd)[place].flush();
    };
    const auto runUntil = [&](std::uint64_t end)
    {
        while (acked < end)
            crowd->poll(
                [&](std::size_t place, std::string_view text)
                {
                    if (!isAck(text)) fail("no ack: " + std::string(text));
                    ++acked;
                    send(place);
                });
    };
    for (std::size_t place = 0; place < connections; ++place) send(place);
    runUntil(publishes / 10);
    const ServerCpu cpu(server);
    const auto first = acked;
    const auto begin = cpu.now();
    runUntil(first + publishes);
    const auto used = cpu.now() - begin;
    fmt::print(R"({{"count":{},"cpu":{:.4f}}})"
               "\n",
               acked - first, static_cast<double>(used) / 1000 / static_cast<double>(acked - first));
}

}  // namespace load
