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
constexpr std::string_view unixScheme = "ws+unix:";
constexpr std::string_view secureUnixScheme = "wss+unix:";

bool hasScheme(std::string_view text, std::string_view scheme)
{
    return equalIgnoringCase(text.substr(0, scheme.size()), scheme);
}

std::uint16_t defaultPort(bool isSecure)
{
    return isSecure ? 443 : 80;
}

// A query may hold a token, which is for nobody to read in a log.
std::string_view withoutQuery(std::string_view url)
{
    return url.substr(0, url.find('?'));
}

// Nor is a password, with which a URL is refused.
[[noreturn]] void refuse(std::string_view url, std::string_view why)
{
    const auto shown = withoutQuery(url);
    const auto scheme = shown.find("://");
    const auto user = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto at = shown.rfind('@');
    const bool hasUser = at != std::string_view::npos && at >= user;
    throw Error(Errc::invalidArgument,
                fmt::format("invalid URL '{}{}{}': {}", shown.substr(0, hasUser ? user : 0),
                            hasUser ? "***" : "", shown.substr(hasUser ? at : 0), why));
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

void checkCharacters(std::string_view text)
{
    if (!std::all_of(text.begin(), text.end(), isVisible))
        refuse(text, "it has a space or a character beyond ASCII");
    if (text.find('#') != std::string_view::npos) refuse(text, "a fragment has no meaning here");
}

std::string targetOf(std::string_view pathAndQuery)
{
    if (pathAndQuery.empty()) return "/";
    return pathAndQuery.front() == '?' ? '/' + std::string(pathAndQuery) : std::string(pathAndQuery);
}

Url parseUnix(std::string_view text, bool isSecure)
{
    checkCharacters(text);
    auto rest = text.substr((isSecure ? secureUnixScheme : unixScheme).size());
    if (rest.starts_with("//")) rest.remove_prefix(2);  // an authority, which is empty
    Url url{.host = "localhost", .port = defaultPort(isSecure), .isSecure = isSecure};
    const auto pathEnd = std::min(rest.find_first_of(":?"), rest.size());
    url.socketPath = rest.substr(0, pathEnd);
    if (url.socketPath.size() < 2 || url.socketPath.front() != '/')
        refuse(text, "ws+unix:/socket[:/path] is expected");
    url.shown = withoutQuery(text);
    rest.remove_prefix(pathEnd);
    if (rest.starts_with(':')) rest.remove_prefix(1);
    if (!rest.empty() && rest.front() != '/' && rest.front() != '?')
        refuse(text, "a path that begins with '/' is expected behind the socket's ':'");
    url.target = targetOf(rest);
    return url;
}

}  // namespace

Url Url::parse(std::string_view text)
{
    if (hasScheme(text, unixScheme)) return parseUnix(text, false);
    if (hasScheme(text, secureUnixScheme)) return parseUnix(text, true);
    Url url;
    url.isSecure = hasScheme(text, secureScheme);
    url.port = defaultPort(url.isSecure);
    const auto scheme = url.isSecure ? secureScheme : plainScheme;
    if (!hasScheme(text, scheme)) refuse(text, "ws://host[:port][/path], wss:// or ws+unix: is expected");
    checkCharacters(text);
    auto rest = text.substr(scheme.size());

    const auto authorityEnd = std::min(rest.find_first_of("/?"), rest.size());
    auto authority = rest.substr(0, authorityEnd);
    rest.remove_prefix(authorityEnd);
    url.target = targetOf(rest);
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
    url.shown = withoutQuery(text);
    if (portBegin != std::string_view::npos) url.port = portOf(authority.substr(portBegin + 1), text);
    return url;
}

std::string Url::place() const
{
    if (!socketPath.empty()) return "unix:" + socketPath;
    return fmt::format("{}:{}", host.find(':') == std::string::npos ? host : '[' + host + ']', port);
}

std::string Url::hostHeader() const
{
    const auto name = host.find(':') == std::string::npos ? host : '[' + host + ']';
    return port == defaultPort(isSecure) ? name : fmt::format("{}:{}", name, port);
}

}  // namespace strandcast
