#include "topic/text_hash.hpp"

#include <random>

namespace strandcast
{

std::uint64_t hashSeed() noexcept
{
    static const auto seed = []
    {
        try
        {
            std::random_device device;
            return (std::uint64_t{device()} << 32) | device();
        }
        catch (...)
        {
            return std::uint64_t{1};  // no device: a table that can be guessed is still right
        }
    }();
    return seed;
}

}  // namespace strandcast
