#include "client/url.hpp"

#include "websocket/http_head.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace strandcast
{

namespace
{

constexpr std::string_view plainScheme = "ws://";
constexpr std::string_view secureScheme = "wss://";

std::uint16_t defaultPort(bool isSecure)
{
    return isSecure ? 443 : 80;
}

[[noreturn]] void refuse(std::string_view url, std::string_view why)
{
    throw Error(Errc::invalidArgument, fmt::format("invalid URL '{}': {}", url, why));
}

bool isVisible(char character)
{
    return character > ' ' && character < 0x7F;
}

std::uint16_t portOf(std::string_view text, std::string_view url)
{
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0)
        refuse(url, "a port of 1 to 65535 is expected");
    return port;
}

}  // namespace

Url Url::parse(std::string_view text)
{
    Url url;
    url.isSecure = equalIgnoringCase(text.substr(0, secureScheme.size()), secureScheme);
    url.port = defaultPort(url.isSecure);
    const auto scheme = url.isSecure ? secureScheme : plainScheme;
    if (!equalIgnoringCase(text.substr(0, scheme.size()), scheme))
        refuse(text, "ws://host[:port][/path] or wss:// is expected");
    if (!std::all_of(text.begin(), text.end(), isVisible))
        refuse(text, "it has a space or a character beyond ASCII");
    auto rest = text.substr(scheme.size());
    if (rest.find('#') != std::string_view::npos) refuse(text, "a fragment has no meaning here");

    const auto authorityEnd = std::min(rest.find_first_of("/?"), rest.size());
    auto authority = rest.substr(0, authorityEnd);
    rest.remove_prefix(authorityEnd);
    if (!rest.empty()) url.target = rest.front() == '?' ? "/" + std::string(rest) : std::string(rest);
    if (authority.find('@') != std::string_view::npos)
        refuse(text, "a user name or password has no place here");

    auto portBegin = authority.rfind(':');
    if (authority.starts_with('['))
    {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) refuse(text, "']' is missing");
        url.host = authority.substr(1, close - 1);
        portBegin = close + 1 < authority.size() ? close + 1 : std::string_view::npos;
        if (portBegin != std::string_view::npos && authority[portBegin] != ':')
            refuse(text, "':' is expected behind ']'");
    }
    else
    {
        url.host = authority.substr(0, portBegin);
        if (url.host.find(':') != std::string::npos) refuse(text, "an IPv6 address is expected in brackets");
    }
    if (url.host.empty()) refuse(text, "the host is missing");
    if (portBegin != std::string_view::npos) url.port = portOf(authority.substr(portBegin + 1), text);
    return url;
}

std::string Url::hostHeader() const
{
    const auto name = host.find(':') == std::string::npos ? host : '[' + host + ']';
    return port == defaultPort(isSecure) ? name : fmt::format("{}:{}", name, port);
}

}  // namespace strandcast
