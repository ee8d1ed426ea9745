#pragma once

#include "connection/shared_frame.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/message.hpp>

#include <string_view>

namespace strandcast
{

/// The one frame of an event for all its subscribers that speak `version` and for whom `deflater` compresses,
/// or none, built when it is first wanted and kept with the entry. On any thread.
[[nodiscard]] SharedFrame eventFrame(const LogEntry& entry, ProtocolVersion version, Deflater* deflater);

/// The frame of an event as it is replayed for the request `replay`, for one client.
[[nodiscard]] SharedFrame replayFrame(const LogEntry& entry, std::string_view replay, Deflater* deflater);

}  // namespace strandcast
