#pragma once

#include <cstddef>

/// So many allocations of this thread by operator new succeed, while it lives, and no other. What Asio posts
/// comes from std::aligned_alloc(), and is not refused. A program that is linked with this has its own
/// operator new.
class Scarce
{
public:
    explicit Scarce(std::size_t allocations) noexcept;
    Scarce(const Scarce&) = delete;
    Scarce& operator=(const Scarce&) = delete;
    ~Scarce();
};
