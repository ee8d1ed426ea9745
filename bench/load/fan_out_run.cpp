#include "fan_out_run.hpp"

#include "messages.hpp"
#include "server_cpu.hpp"

#include <algorithm>
#include <bit>
#include <string>

namespace load
{

namespace
{

std::string topicOf(const FanOut& work, std::uint64_t number)
{
    if (work.isPattern) return fmt::format("agent.{}.status", number % 16);
    return fmt::format("bench.{}", number % work.topics);
}

}  // namespace

Expected::Expected(const FanOut& work, std::size_t subscriber) : period_(work.topics)
{
    for (std::size_t each = 0; each < work.topicsEach; ++each)
        offsets_.push_back((subscriber + each * (work.topics / work.topicsEach)) % work.topics);
    std::sort(offsets_.begin(), offsets_.end());
}

bool Expected::take(std::uint64_t number)
{
    if (number != base_ + offsets_[next_]) return false;
    if (++next_ == offsets_.size())
    {
        next_ = 0;
        base_ += period_;
    }
    return true;
}

FanOutRun::FanOutRun(const Target& target, const FanOut& work)
    : work_(work),
      isStamped_(target.isStamped),
      crowd_(target),
      perTopic_(work.topics),
      flights_(std::bit_ceil(work.window))
{
    for (std::size_t place = 0; place < work.subscribers; ++place)
    {
        expected_.emplace_back(work, place);
        std::vector<std::string> topics;
        for (const auto offset : expected_.back().offsets())
        {
            topics.push_back(work.isPattern ? "agent.*.status" : fmt::format("bench.{}", offset));
            ++perTopic_[offset];
        }
        crowd_.add(topics);
    }
    publisher_ = crowd_.add({});
}

void FanOutRun::publish(std::uint64_t count)
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

void FanOutRun::start()
{
    auto& flight = flights_[published_ % flights_.size()];
    flight = {.start = stampNow(), .left = perTopic_[published_ % work_.topics] + 1};
    crowd_[publisher_].queue(publishMessage(topicOf(work_, published_), published_, work_.dataSize));
    ++published_;
}

void FanOutRun::take(std::size_t place, std::string_view text)
{
    if (place == publisher_)
    {
        if (!isAck(text)) fail("no ack: " + std::string(text));
        return arrived(acked_++);
    }
    const auto found = numberOf(text);
    if (found < 0) fail("no event: " + std::string(text));
    const auto number = static_cast<std::uint64_t>(found);
    if (!expected_[place].take(number))
        fail(fmt::format("subscriber {} got event {} out of turn", place, number));
    ++deliveries_;
    auto& flight = flights_[number % flights_.size()];
    if (isStamped_) flight.last = std::max(flight.last, crowd_[place].stamp());
    arrived(number);
}

void FanOutRun::arrived(std::uint64_t number)
{
    auto& flight = flights_[number % flights_.size()];
    if (flight.left == 0) fail("something came twice");
    if (--flight.left == 0 && isStamped_) latencies_.push_back(flight.last - flight.start);
}

}  // namespace load
