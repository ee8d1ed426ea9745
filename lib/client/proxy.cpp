#include "client/proxy.hpp"

#include "websocket/handshake_key.hpp"
#include "websocket/http_head.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <span>

namespace strandcast
{

namespace
{

constexpr std::string_view scheme = "http://";

[[noreturn]] void refuse(std::string_view why)
{
    throw Error(Errc::invalidArgument,
                fmt::format("invalid proxy: {}; http://[user[:password]@]host[:port] is expected", why));
}

[[noreturn]] void fail(const Proxy& proxy, std::string_view why)
{
    throw Error(Errc::connectFailed,
                fmt::format("cannot connect through the proxy {}:{}: {}", proxy.host, proxy.port, why));
}

// RFC 3986, section 2.1.
std::string percentDecoded(std::string_view text)
{
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at)
    {
        if (text[at] != '%')
        {
            decoded += text[at];
            continue;
        }
        unsigned value = 0;
        const auto digits = text.substr(at + 1, 2);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2)
            refuse("'%' is not followed by two hexadecimal digits");
        decoded += static_cast<char>(value);
        at += 2;
    }
    return decoded;
}

// RFC 7617: a user's name holds no colon.
std::string basicAuthorization(std::string_view userInfo)
{
    const auto colon = std::min(userInfo.find(':'), userInfo.size());
    const auto user = percentDecoded(userInfo.substr(0, colon));
    if (user.find(':') != std::string::npos) refuse("a user's name holds no colon");
    const auto password = percentDecoded(userInfo.substr(std::min(colon + 1, userInfo.size())));
    return "Basic " + base64(user + ':' + password);
}

Strand<> send(Transport& transport, const Proxy& proxy, std::string text)
{
    auto left = std::as_bytes(std::span(text));
    while (!left.empty())
    {
        const auto transfer = transport.tryWrite(std::span(&left, 1));
        if (transfer.outcome == Transfer::Outcome::failed) fail(proxy, transfer.error.message());
        left = left.subspan(transfer.size);
        if (transfer.outcome == Transfer::Outcome::wouldBlock) co_await transport.waitWritable();
    }
}

// "HTTP/1.1 200 Connection established"
void judge(const Proxy& proxy, std::string_view statusLine)
{
    const auto status = statusLine.substr(std::min(statusLine.find(' ') + 1, statusLine.size()));
    if (!statusLine.starts_with("HTTP/1.")) fail(proxy, "its answer is not HTTP/1.1");
    if (!status.starts_with('2')) fail(proxy, fmt::format("it answers {:.80}", status));
}

}  // namespace

Proxy Proxy::parse(std::string_view url)
{
    if (!equalIgnoringCase(url.substr(0, scheme.size()), scheme)) refuse("it does not begin with http://");
    auto rest = url.substr(scheme.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const bool isVisible =
        std::all_of(rest.begin(), rest.end(), [](char one) { return one > ' ' && one < 0x7F; });
    if (!isVisible || rest.find_first_of("/?#") != std::string_view::npos)
        refuse("it holds more than a host and a port");
    Proxy proxy;
    if (const auto at = rest.rfind('@'); at != std::string_view::npos)
    {
        proxy.authorization = basicAuthorization(rest.substr(0, at));
        rest.remove_prefix(at + 1);
    }
    auto colon = rest.rfind(':');
    if (rest.starts_with('['))
    {
        const auto close = rest.find(']');
        if (close == std::string_view::npos) refuse("']' is missing");
        proxy.host = rest.substr(1, close - 1);
        colon = close + 1 < rest.size() ? close + 1 : std::string_view::npos;
        if (colon != std::string_view::npos && rest[colon] != ':') refuse("':' is expected behind ']'");
    }
    else
        proxy.host = rest.substr(0, colon);
    if (proxy.host.empty()) refuse("the host is missing");
    if (colon == std::string_view::npos) return proxy;
    const auto digits = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), proxy.port);
    if (error != std::errc() || end != digits.data() + digits.size() || proxy.port == 0)
        refuse("its port is none of 1 to 65535");
    return proxy;
}

Strand<> openTunnel(Transport& transport, Proxy proxy, std::string host, std::uint16_t port)
{
    const auto target = host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                                            : fmt::format("[{}]:{}", host, port);
    auto request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
    if (!proxy.authorization.empty())
        request += fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization);
    co_await send(transport, proxy, request + "\r\n");

    HttpHeadParser parser(HttpHeadParser::Kind::response);
    while (!parser.isComplete())
    {
        // One at a time: the byte behind the head is the tunnel's already.
        char byte = 0;
        const auto transfer = transport.tryRead(std::as_writable_bytes(std::span(&byte, 1)));
        switch (transfer.outcome)
        {
        case Transfer::Outcome::moved: break;
        case Transfer::Outcome::wouldBlock: co_await transport.waitReadable(); continue;
        case Transfer::Outcome::end: fail(proxy, "it ended the connection");
        case Transfer::Outcome::failed: fail(proxy, transfer.error.message());
        }
        static_cast<void>(parser.feed(std::string_view(&byte, 1)));
        if (parser.refusal()) fail(proxy, "its answer is not HTTP: " + parser.refusal()->reason);
    }
    judge(proxy, parser.head().startLine);
}

}  // namespace strandcast
