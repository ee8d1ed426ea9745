#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace strandcast
{

/// Connects to the first address of `host` that answers. An address in numbers is not looked up.
/// @throws Error with Errc::connectFailed, naming host and port; asio::system_error with operation_aborted
/// when cancelled.
[[nodiscard]] Strand<std::unique_ptr<Transport>> connectTcp(std::string host, std::uint16_t port);

}  // namespace strandcast
