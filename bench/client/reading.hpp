#pragma once

#include "client/shared_count.hpp"
#include "load/server_cpu.hpp"

#include <cstdint>
#include <unistd.h>

namespace bench
{

/// Counts what a reader takes, tells its source, and measures this process' CPU from when the first tenth
/// has come to the end.
class Reading
{
public:
    Reading(const SharedCount& taken, std::int64_t events) : taken_(taken), events_(events) {}

    /// From here on the source sends.
    void begin() { taken_.set(0); }

    void took(std::int64_t count)
    {
        const auto before = count_;
        count_ += count;
        if (before < warm() && count_ >= warm())
        {
            measuredFrom_ = count_;
            begin_ = cpu_.now();
        }
        if (count_ >= events_) end_ = cpu_.now();
        taken_.set(count_);
    }

    [[nodiscard]] bool isComplete() const noexcept { return count_ >= events_; }
    [[nodiscard]] std::int64_t measured() const noexcept { return events_ - measuredFrom_; }
    /// Nanoseconds, of all that was measured.
    [[nodiscard]] std::int64_t used() const noexcept { return end_ - begin_; }

private:
    [[nodiscard]] std::int64_t warm() const noexcept { return events_ / 10; }

    const SharedCount& taken_;
    const std::int64_t events_;
    const load::ServerCpu cpu_{::getpid()};
    std::int64_t count_ = 0;
    std::int64_t measuredFrom_ = 0;
    std::int64_t begin_ = 0;
    std::int64_t end_ = 0;
};

}  // namespace bench
