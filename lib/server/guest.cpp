#include "server/guest.hpp"

#include <utility>

namespace strandcast
{

void Guest::begin(AcceptedUpgrade& upgraded, Arrival& arrival)
{
    session.compress(upgraded.deflate);
    session.setUpgrade(upgraded);
    if (const auto proxied = std::exchange(arrival.proxied, nullptr); proxied && !proxied->client.empty())
        session.setClientAddress(std::move(proxied->client));
    session.hold(std::move(arrival));
    session.begin(upgraded.response, std::move(upgraded.received));
}

}  // namespace strandcast
