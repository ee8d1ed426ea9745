#pragma once

#include "crowd.hpp"
#include "fan_out.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace load
{

/// Which publishes one subscriber is to get: those whose number leaves one of `offsets` when divided by
/// `topics`.
class Expected
{
public:
    Expected(const FanOut& work, std::size_t subscriber);

    [[nodiscard]] const std::vector<std::size_t>& offsets() const noexcept { return offsets_; }

    /// Whether `number` is the one that comes next.
    [[nodiscard]] bool take(std::uint64_t number);

private:
    std::size_t period_;
    std::vector<std::size_t> offsets_;
    std::size_t next_ = 0;
    std::uint64_t base_ = 0;
};

/// A server's subscribers, and one who publishes to them and sees each delivery.
class FanOutRun
{
public:
    FanOutRun(const Target& target, const FanOut& work);

    /// Ends when all of them have been delivered and acked.
    void publish(std::uint64_t count);

    [[nodiscard]] std::uint64_t deliveries() const noexcept { return deliveries_; }
    /// With a target that is stamped: of each publish, how long after it the kernel had the last delivery in
    /// its subscriber's socket, in nanoseconds. What the load takes to read it is not in there.
    [[nodiscard]] std::vector<std::int64_t>& latencies() noexcept { return latencies_; }

private:
    struct Flight
    {
        std::int64_t start = 0;
        std::int64_t last = 0;  // of the deliveries
        std::size_t left = 0;   // of the deliveries, and the ack
    };

    void start();
    void take(std::size_t place, std::string_view text);
    void arrived(std::uint64_t number);

    FanOut work_;
    bool isStamped_;
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

}  // namespace load
