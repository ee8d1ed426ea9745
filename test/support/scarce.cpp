#include "support/scarce.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace
{

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
thread_local std::size_t allocationsLeft = never;

}  // namespace

Scarce::Scarce(std::size_t allocations) noexcept
{
    allocationsLeft = allocations;
}

Scarce::~Scarce()
{
    allocationsLeft = never;
}

// The whole program's, as there is no other way to be refused memory.
void* operator new(std::size_t size)
{
    if (allocationsLeft == 0) throw std::bad_alloc();
    if (allocationsLeft != never) --allocationsLeft;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    try
    {
        return operator new(size);
    }
    catch (const std::bad_alloc&)
    {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept
{
    std::free(memory);
}
