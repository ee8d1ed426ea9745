#pragma once

#include <cstdint>
#include <ctime>
#include <sys/types.h>

namespace load
{

/// The CPU time of a process, user and system, in nanoseconds, from its own clock.
class ServerCpu
{
public:
    explicit ServerCpu(::pid_t process) { ::clock_getcpuclockid(process, &clock_); }

    [[nodiscard]] std::int64_t now() const
    {
        ::timespec time{};
        ::clock_gettime(clock_, &time);
        return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    }

private:
    ::clockid_t clock_{};
};

[[nodiscard]] inline std::int64_t wallNow()
{
    ::timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// The clock of the kernel's stamps.
[[nodiscard]] inline std::int64_t stampNow()
{
    ::timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace load
