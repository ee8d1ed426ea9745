#include "message/plain_length.hpp"

#ifdef __SSE2__

namespace strandcast
{

const char* longPlainEnd(const char* at, const char* begin, const char* end) noexcept
{
    for (; end - at >= 32; at += 32)
        if (const auto others = othersAt(at) | othersAt(at + 16) << 16; others != 0)
            return at + std::countr_zero(others);
    if (end - at >= 16)
    {
        if (const auto others = othersAt(at); others != 0) return at + std::countr_zero(others);
        at += 16;
    }
    if (end - begin >= 16 && at < end)
    {
        // The last sixteen, without those before.
        const auto others = othersAt(end - 16) >> (16 - (end - at));
        return others == 0 ? end : at + std::countr_zero(others);
    }
    while (at < end && isPlain(*at)) ++at;
    return at;
}

}  // namespace strandcast

#endif
