#pragma once

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <malloc.h>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

/// How many descriptors the process has open.
inline std::size_t openDescriptors()
{
    // One of them is the listing's own.
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {})) -
           1;
}

/// Bytes that are allocated; 0 under a sanitizer, which has an allocator of its own.
inline std::size_t allocatedBytes()
{
    return ::mallinfo2().uordblks;
}

/// The process may have this many descriptors open, or as many as it had, until this ends.
class DescriptorLimit
{
public:
    explicit DescriptorLimit(std::size_t most)
    {
        if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("no limit can be read");
        auto limit = before_;
        limit.rlim_cur = most;
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("no limit can be set");
    }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    ::rlimit before_{};
};

/// Takes every descriptor that is left.
class DescriptorHoard
{
public:
    DescriptorHoard() { fill(); }
    DescriptorHoard(const DescriptorHoard&) = delete;
    DescriptorHoard& operator=(const DescriptorHoard&) = delete;
    ~DescriptorHoard()
    {
        while (!held_.empty()) release();
    }

    void fill()
    {
        for (;;)
        {
            const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
            if (one < 0) return;
            held_.push_back(one);
        }
    }

    /// Gives one back.
    void release()
    {
        ::close(held_.back());
        held_.pop_back();
    }

private:
    std::vector<int> held_;
};
