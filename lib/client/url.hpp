#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strandcast
{

/// Where a server is: `ws://host[:port][/path][?query]`, or `wss://` for TLS (RFC 6455, section 3). On a Unix
/// domain socket it is `ws+unix:/socket[:/path][?query]` or `wss+unix:`, as the ws package for Node has it.
struct Url
{
    std::string host;             ///< a name or a numeric address; an IPv6 address without its brackets
    std::uint16_t port = 80;      ///< 443 for wss
    bool isSecure = false;        ///< wss
    std::string target = "/";     ///< path and query
    std::string socketPath = {};  ///< of a Unix domain socket, where it is one; the host is localhost then
    std::string shown = {};       ///< the text of it for a log: without the query, where a token may be

    /// For people: "host:80", "[::1]:80" or "unix:/socket".
    [[nodiscard]] std::string place() const;

    /// The Host header: with the port where it is not the scheme's own.
    [[nodiscard]] std::string hostHeader() const;

    /// @throws Error with Errc::invalidArgument, saying what is wrong and what was expected.
    [[nodiscard]] static Url parse(std::string_view text);
};

}  // namespace strandcast
