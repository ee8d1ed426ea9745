#include <strandcast/random.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <sys/random.h>
#include <system_error>
#include <utility>

namespace strandcast
{

namespace
{

class SystemRandom final : public Random
{
public:
    [[nodiscard]] std::uint64_t next() override
    {
        // A mask for every frame of a client must not cost a system call each.
        thread_local std::array<std::uint64_t, 256> pool;
        thread_local std::size_t left = 0;
        if (left == 0)
        {
            fill(pool);
            left = pool.size();
        }
        // What was handed out is wiped, so that nothing in memory tells it later.
        return std::exchange(pool[--left], 0);
    }

private:
    static void fill(std::array<std::uint64_t, 256>& pool)
    {
        auto* bytes = reinterpret_cast<std::byte*>(pool.data());
        for (std::size_t done = 0; done < sizeof(pool);)
        {
            // A signal may interrupt it, or have it give less.
            const auto size = ::getrandom(bytes + done, sizeof(pool) - done, 0);
            if (size < 0 && errno != EINTR)
                throw std::system_error(errno, std::generic_category(), "getrandom");
            if (size > 0) done += static_cast<std::size_t>(size);
        }
    }
};

}  // namespace

Random& Random::system() noexcept
{
    static SystemRandom random;
    return random;
}

}  // namespace strandcast
