#pragma once

#include "client/shared_count.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace bench
{

inline constexpr std::string_view sourceTopic = "bench.0";

/// What a source sends.
struct Feed
{
    std::size_t window = 16;     ///< events in one piece
    std::size_t dataSize = 128;  ///< bytes
    std::int64_t events = 0;
    int core = -1;  ///< to run on; -1 for any
};

/// A server's end of one connection, in a process of its own: it upgrades, grants whatever is asked for, and
/// sends its events to whoever is there, `window` of them in one piece. The next piece leaves when the reader
/// has counted all before it in `taken`, which is 0 when it has begun. So every reader reads the same
/// bytes in the same pieces, however fast it is, and waits for each.
class Source
{
public:
    Source(const Feed& feed, const SharedCount& taken);
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    /// Waits for its process.
    ~Source();

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    std::uint16_t port_ = 0;
    ::pid_t process_ = -1;
};

}  // namespace bench
