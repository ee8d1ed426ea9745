#pragma once

#include <strandcast/random.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace strandcast
{

/// How long to wait between attempts.
struct BackoffLimits
{
    std::chrono::milliseconds initial{5'000};    ///< the most before the first attempt
    double factor = 2;                           ///< by which that grows with each attempt; at least 1
    std::chrono::milliseconds max{60'000};       ///< and never beyond
    std::optional<std::uint32_t> attempts = {};  ///< without end where there is none
};

/// Exponential backoff with full jitter: a wait is anything from nothing to a bound that grows from attempt
/// to attempt, so that those who were cut off together do not come back together.
class Backoff
{
public:
    /// @param random outlives it.
    Backoff(BackoffLimits limits, Random& random) : limits_(limits), random_(random) {}

    /// How long to wait before the next attempt; nothing where there is to be none.
    [[nodiscard]] std::optional<std::chrono::milliseconds> next();

    /// How many attempts there were since reset(), that of the last next() included.
    [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }

    /// An attempt held: the next one is the first again.
    void reset() noexcept { attempts_ = 0; }

private:
    [[nodiscard]] std::chrono::milliseconds bound() const;

    BackoffLimits limits_;
    Random& random_;
    std::uint32_t attempts_ = 0;
};

}  // namespace strandcast
