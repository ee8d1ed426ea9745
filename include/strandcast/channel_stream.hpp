#pragma once

#include <strandcast/event_stream.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace strandcast
{

/// A stream of a channel's events. Where events may be missing between two of them, because the reader was
/// slow or the connection was lost, it passes over the gap and counts it.
template <typename T>
class ChannelStream : public EventStream<T>
{
public:
    ChannelStream() = default;  ///< a stream that has ended
    ChannelStream(std::shared_ptr<EventSource<T>> source,
                  std::shared_ptr<const std::atomic<std::uint64_t>> gaps)
        : EventStream<T>(std::move(source)),
          gaps_(std::move(gaps))
    {
    }

    /// How many gaps were passed over up to the event that was read last.
    [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_ ? gaps_->load() : 0; }

private:
    std::shared_ptr<const std::atomic<std::uint64_t>> gaps_;
};

/// An event on a channel's topic that does not fit.
struct MalformedEvent
{
    std::string topic;
    std::string problem;  ///< which field, what was expected, what was found
};

}  // namespace strandcast
