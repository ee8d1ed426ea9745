#include "server/trusted_proxies.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace strandcast
{

TrustedProxies::TrustedProxies(const std::vector<std::string>& named)
{
    for (const auto& one : named)
    {
        if (one == "unix")
        {
            trustsUnix_ = true;
            continue;
        }
        const auto range = AddressRange::read(one);
        if (!range)
            throw Error(Errc::invalidArgument,
                        fmt::format("'{}' is no trusted proxy: an address, a range such as 10.0.0.0/8, or "
                                    "unix is expected",
                                    one));
        ranges_.push_back(*range);
    }
}

bool TrustedProxies::trust(const std::optional<asio::ip::address>& peer) const
{
    if (!peer) return trustsUnix_;
    return std::ranges::any_of(ranges_, [&](const AddressRange& range) { return range.contains(*peer); });
}

std::optional<asio::ip::address> TrustedProxies::nearest(std::optional<asio::ip::address> peer,
                                                         const ForwardedHops& hops) const
{
    for (const auto& hop : std::views::reverse(hops))
    {
        if (!hop) break;
        peer = hop;
        if (!trust(hop)) break;
    }
    return peer;
}

std::variant<std::optional<asio::ip::address>, HttpRefusal>
TrustedProxies::clientOf(std::optional<asio::ip::address> peer, const HttpHead& head) const
{
    const auto forwarded = readForwarded(head);
    if (!forwarded) return HttpRefusal{400, "Forwarded is malformed"};
    const auto xForwardedFor = readXForwardedFor(head);
    const auto client = nearest(peer, forwarded->empty() ? xForwardedFor : *forwarded);
    // A proxy that writes one of the two passes the other on as the client wrote it.
    const bool both = !forwarded->empty() && head.count("X-Forwarded-For") > 0;
    if (both && nearest(peer, xForwardedFor) != client)
        return HttpRefusal{400, "Forwarded and X-Forwarded-For contradict each other"};
    return client;
}

}  // namespace strandcast
