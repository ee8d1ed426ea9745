#pragma once

#include "client/reading.hpp"

#include <cstdint>

namespace bench
{

/// The floor: epoll, recv, and the headers of frames. It looks at no payload.
void readRaw(std::uint16_t port, Reading& reading);

/// A WSClient whose application awaits one event after the other, or takes those that are there and awaits
/// the others, and checks their numbers.
void readEvents(std::uint16_t port, Reading& reading, bool takesWhatIsThere);

}  // namespace bench
