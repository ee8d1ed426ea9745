#pragma once

#include "server/address_range.hpp"
#include "server/forwarded.hpp"
#include "websocket/http_head.hpp"

#include <asio/ip/address.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace strandcast
{

/// Whose word on a client's address a server takes: nobody else's, whatever a request says.
class TrustedProxies
{
public:
    /// Addresses, ranges of such, and "unix" for who connects to a Unix socket.
    /// @throws Error with Errc::invalidArgument, naming what is none of these.
    explicit TrustedProxies(const std::vector<std::string>& named);

    [[nodiscard]] bool isEmpty() const noexcept { return ranges_.empty() && !trustsUnix_; }

    /// Whether one is; nothing is who connects to a Unix socket.
    [[nodiscard]] bool trust(const std::optional<asio::ip::address>& peer) const;

    /// Whom the request of a trusted `peer` comes from: the nearest that is not trusted, or what is told
    /// last before somebody's address is not. Or why it is refused: the headers are malformed, or
    /// contradict each other, so that one of them is the client's own.
    [[nodiscard]] std::variant<std::optional<asio::ip::address>, HttpRefusal>
    clientOf(std::optional<asio::ip::address> peer, const HttpHead& head) const;

private:
    [[nodiscard]] std::optional<asio::ip::address> nearest(std::optional<asio::ip::address> peer,
                                                           const ForwardedHops& hops) const;

    std::vector<AddressRange> ranges_;
    bool trustsUnix_ = false;
};

}  // namespace strandcast
