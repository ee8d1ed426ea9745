#include "server/listen_places.hpp"

#include "transport/socket_address.hpp"

#include <asio/ip/address.hpp>

#include <algorithm>
#include <variant>

namespace strandcast
{

namespace
{

/// Where an open socket is instead of its descriptor.
ListenAddress locate(const ListenAddress& place)
{
    const auto* const socket = std::get_if<OpenSocket>(&place);
    if (!socket) return place;
    return listenAddressOf(socket->descriptor).value_or(place);
}

bool isLoopback(const ListenAddress& place)
{
    const auto* const tcp = std::get_if<TcpAddress>(&place);
    if (!tcp) return false;
    asio::error_code error;
    const auto address = asio::ip::make_address(tcp->host, error);
    return tcp->host == "localhost" || (!error && address.is_loopback());
}

}  // namespace

std::vector<ListenAddress> placesOf(const WSServerOptions& options)
{
    if (!options.listen.empty()) return options.listen;
    return {TcpAddress{options.host, options.port}};
}

bool listenEverywhereOnV4(const std::vector<ListenAddress>& places)
{
    return std::ranges::any_of(places,
                               [](const ListenAddress& place)
                               {
                                   const auto* const tcp = std::get_if<TcpAddress>(&place);
                                   return tcp && tcp->host == "0.0.0.0";
                               });
}

bool listenOnLoopbackAlone(const std::vector<ListenAddress>& places)
{
    bool anyLoopback = false;
    for (const auto& place : places)
    {
        const auto located = locate(place);
        if (std::holds_alternative<UnixAddress>(located)) continue;
        if (!isLoopback(located)) return false;
        anyLoopback = true;
    }
    return anyLoopback;
}

}  // namespace strandcast
