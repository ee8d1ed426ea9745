#pragma once

#include "connection/shared_frame.hpp"

#include <strandcast/broker.hpp>

namespace strandcast
{

/// The one frame of an event for all its subscribers, built when it is first wanted and kept with the entry.
[[nodiscard]] const SharedFrame& eventFrame(const LogEntry& entry);

}  // namespace strandcast
