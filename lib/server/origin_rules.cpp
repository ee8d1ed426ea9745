#include "server/origin_rules.hpp"

#include <algorithm>
#include <cstddef>

namespace strandcast
{

namespace
{

bool holds(const std::vector<std::string>& list, std::string_view wanted)
{
    return std::ranges::any_of(list, [&](const std::string& one)
                               { return one == "*" || equalIgnoringCase(one, wanted); });
}

bool endsWithIgnoringCase(std::string_view text, std::string_view end)
{
    return text.size() >= end.size() && equalIgnoringCase(text.substr(text.size() - end.size()), end);
}

// "127.0.0.1.evil.example" is a name that anybody may have.
bool isAddressOf127(std::string_view host)
{
    return host.starts_with("127.") && host.size() <= 15 &&
           host.find_first_not_of("0123456789.") == std::string_view::npos &&
           std::ranges::count(host, '.') == 3;
}

// "null" and what has no host belongs to nobody. Neither does what names a user, which no browser writes:
// the host of "http://localhost:x@evil.example" stands behind the '@'.
std::string_view hostOfOrigin(std::string_view origin)
{
    const auto begin = origin.find("://");
    if (begin == std::string_view::npos || origin.find('@') != std::string_view::npos) return {};
    return hostOf(origin.substr(begin + 3));
}

}  // namespace

std::string_view hostOf(std::string_view authority) noexcept
{
    if (authority.starts_with('['))
    {
        const auto end = authority.find(']');
        return end == std::string_view::npos ? std::string_view() : authority.substr(0, end + 1);
    }
    return authority.substr(0, authority.find(':'));
}

bool isLoopbackName(std::string_view host) noexcept
{
    if (host.ends_with('.')) host.remove_suffix(1);
    return equalIgnoringCase(host, "localhost") || endsWithIgnoringCase(host, ".localhost") ||
           host == "[::1]" || isAddressOf127(host);
}

std::optional<HttpRefusal> OriginRules::judge(const HttpRequest& request) const
{
    const auto host = hostOf(*request.head.first("Host"));
    if (isLoopbackAlone && !isLoopbackName(host) && !holds(allowedHosts, host))
        return HttpRefusal{403, "This host is not served here"};
    const auto origins = request.head.count("Origin");
    if (origins == 0) return std::nullopt;  // no browser
    if (origins > 1) return HttpRefusal{400, "One Origin is expected"};
    const auto origin = *request.head.first("Origin");
    const auto originHost = hostOfOrigin(origin);
    const bool isAllowed = allowedOrigins.empty() ? !originHost.empty() && equalIgnoringCase(originHost, host)
                                                  : holds(allowedOrigins, origin);
    if (isAllowed) return std::nullopt;
    return HttpRefusal{403, "Pages of this origin are not let in"};
}

}  // namespace strandcast
