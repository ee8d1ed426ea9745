#pragma once

#include <cstdint>

namespace strandcast
{

/// Where all randomness comes from: ids, masks, jitter. A simulation gives one of its own. It outlives
/// everything that was given it; it is asked from every shard's thread.
class Random
{
public:
    virtual ~Random() = default;

    /// 64 random bits. Those of system() cannot be predicted from earlier ones.
    [[nodiscard]] virtual std::uint64_t next() = 0;

    /// The machine's own.
    [[nodiscard]] static Random& system() noexcept;
};

}  // namespace strandcast
