#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <string>

namespace strandcast
{

/// Connects to the Unix domain socket at `path`.
/// @throws Error with Errc::connectFailed, naming the path; asio::system_error with operation_aborted when
/// cancelled.
[[nodiscard]] Strand<std::unique_ptr<Transport>> connectUnix(std::string path);

}  // namespace strandcast
