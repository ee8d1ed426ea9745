#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace strandcast
{

/// One of the connections that a server may have, from when it is let in to its end. `open`, which outlives
/// it, counts those of all its threads.
class Admission
{
public:
    Admission(std::atomic<std::size_t>& open, std::size_t most) : open_(&open)
    {
        if (open.fetch_add(1) < most) return;
        --open;
        open_ = nullptr;
    }
    Admission(Admission&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
    Admission& operator=(Admission&&) = delete;
    ~Admission()
    {
        if (open_) --*open_;
    }

    /// Whether there was room for it.
    explicit operator bool() const noexcept { return open_ != nullptr; }

private:
    std::atomic<std::size_t>* open_;
};

}  // namespace strandcast
