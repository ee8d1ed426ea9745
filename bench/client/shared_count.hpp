#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace bench
{

/// A count that this process and those forked from it see: one sets it, the other polls.
class SharedCount
{
public:
    SharedCount()
        : count_(new(::mmap(nullptr, sizeof(std::atomic<std::int64_t>), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<std::int64_t>(-1))
    {
    }
    SharedCount(const SharedCount&) = delete;
    SharedCount& operator=(const SharedCount&) = delete;
    ~SharedCount() { ::munmap(count_, sizeof *count_); }

    void set(std::int64_t value) const noexcept { count_->store(value, std::memory_order_release); }
    [[nodiscard]] std::int64_t get() const noexcept { return count_->load(std::memory_order_acquire); }

private:
    std::atomic<std::int64_t>* count_;
};

}  // namespace bench
