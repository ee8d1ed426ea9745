#pragma once

#include <strandcast/ws_client.hpp>

#include <string>

namespace tool
{

/// The line that tells of the loss of the connection to `url`, whose query is left out: a token may be in it.
[[nodiscard]] std::string describeLoss(const std::string& url, const strandcast::CloseReason& reason);

}  // namespace tool
