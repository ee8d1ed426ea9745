#include "client/backoff.hpp"

#include "coro/deadline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strandcast
{

namespace
{

// From 0 up to 1, both included, in steps that a double can tell apart.
double fractionOf(std::uint64_t random)
{
    constexpr std::uint64_t steps = (std::uint64_t(1) << 53) - 1;
    return static_cast<double>(random >> 11) / static_cast<double>(steps);
}

}  // namespace

std::optional<std::chrono::milliseconds> Backoff::next()
{
    if (limits_.attempts && attempts_ >= *limits_.attempts) return std::nullopt;
    const auto most = bound();
    if (attempts_ < std::numeric_limits<std::uint32_t>::max()) ++attempts_;
    const auto wait = fractionOf(random_.next()) * static_cast<double>(most.count());
    return std::chrono::milliseconds(std::llround(wait));
}

std::chrono::milliseconds Backoff::bound() const
{
    const auto initial = boundedInterval(limits_.initial);
    const auto max = boundedInterval(limits_.max);
    const double factor = limits_.factor >= 1 ? limits_.factor : 1;  // neither smaller, nor NaN
    const double bound = static_cast<double>(initial.count()) * std::pow(factor, attempts_);
    // 0 times infinity is NaN.
    if (!(bound < static_cast<double>(max.count())))
        return std::min(initial.count() == 0 ? initial : max, max);
    return std::chrono::milliseconds(std::llround(bound));
}

}  // namespace strandcast
