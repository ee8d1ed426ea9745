#pragma once

#include <cstddef>

/// So many allocations of this thread succeed, while it lives, and no other. A program that names it has its
/// own operator new.
class Scarce
{
public:
    explicit Scarce(std::size_t allocations) noexcept;
    Scarce(const Scarce&) = delete;
    Scarce& operator=(const Scarce&) = delete;
    ~Scarce();
};
