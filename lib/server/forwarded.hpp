#pragma once

#include "websocket/http_head.hpp"

#include <asio/ip/address.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace strandcast
{

/// Whom a request came from before it came here, as its headers say; each proxy has added whom it got it
/// from, the last one last. Nothing for who is not told by an address: "unknown", a name of the proxy's own.
using ForwardedHops = std::vector<std::optional<asio::ip::address>>;

/// Of all Forwarded headers (RFC 7239), in their order; nothing where one is not of their grammar.
[[nodiscard]] std::optional<ForwardedHops> readForwarded(const HttpHead& head);

/// Of all X-Forwarded-For headers, in their order.
[[nodiscard]] ForwardedHops readXForwardedFor(const HttpHead& head);

/// The address in such a header, where it is one: with a port or without, IPv6 in brackets, or bare.
[[nodiscard]] std::optional<asio::ip::address> forwardedAddressOf(std::string_view node);

}  // namespace strandcast
