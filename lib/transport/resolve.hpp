#pragma once

#include <strandcast/strand.hpp>

#include <asio/ip/tcp.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace strandcast
{

/// Looks a host name up, on a thread that it may block for as long as it likes.
/// @throws std::exception, whose text says why there is no address.
using Lookup =
    std::function<std::vector<asio::ip::tcp::endpoint>(const std::string& host, std::uint16_t port)>;

/// The system's: hosts file, DNS and whatever else it is set up for.
[[nodiscard]] std::vector<asio::ip::tcp::endpoint> systemLookup(const std::string& host, std::uint16_t port);

/// The addresses of a host, at least one. An address in numbers is not looked up.
///
/// No lookup can be stopped, so it runs on one of a few threads of its own, and a cancelled strand leaves at
/// once: what still runs then touches nothing of the strand's, and keeps no io_context from ending.
/// @throws Error with Errc::connectFailed, naming the host and the cause; asio::system_error with
/// operation_aborted when cancelled.
[[nodiscard]] Strand<std::vector<asio::ip::tcp::endpoint>> resolve(std::string host, std::uint16_t port,
                                                                   Lookup lookup = &systemLookup);

}  // namespace strandcast
