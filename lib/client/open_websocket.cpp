#include "client/open_websocket.hpp"

#include "transport/tcp.hpp"
#include "transport/unix_socket.hpp"
#include "websocket/handshake_key.hpp"
#include "websocket/http_head.hpp"
#include "websocket/upgrade_response.hpp"

#include <strandcast/error.hpp>

#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <span>
#include <string_view>
#include <utility>

namespace strandcast
{

namespace
{

// What a server of TLS that is no server of ours says to a request without (RFC 8446, section 5.1).
constexpr std::string_view tlsAlert = "\x15\x03";

[[noreturn]] void fail(const Url& url, const std::string& why)
{
    throw Error(Errc::connectFailed, fmt::format("cannot connect to {}: {}", url.place(), why));
}

Strand<> send(Transport& transport, const Url& url, std::string text)
{
    auto left = std::as_bytes(std::span(text));
    while (!left.empty())
    {
        const auto transfer = transport.tryWrite(std::span(&left, 1));
        if (transfer.outcome == Transfer::Outcome::failed) fail(url, transfer.error.message());
        left = left.subspan(transfer.size);
        if (transfer.outcome == Transfer::Outcome::wouldBlock) co_await transport.waitWritable();
    }
}

/// A proxy looks up the server's name itself. A Unix socket is on this machine, and reached without one.
Strand<std::unique_ptr<Transport>> connectTo(const Url& url, const std::optional<Proxy>& proxy)
{
    if (!url.socketPath.empty()) co_return co_await connectUnix(url.socketPath);
    if (!proxy) co_return co_await connectTcp(url.host, url.port);
    auto transport = co_await connectTcp(proxy->host, proxy->port);
    co_await openTunnel(*transport, *proxy, url.host, url.port);
    co_return transport;
}

// RFC 6455, section 4.1.
bool isOwn(std::string_view header)
{
    constexpr std::string_view ownPrefix = "Sec-WebSocket-";
    for (const std::string_view own :
         {"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"})
        if (equalIgnoringCase(header, own)) return true;
    return equalIgnoringCase(header.substr(0, ownPrefix.size()), ownPrefix);
}

}  // namespace

void OpenOptions::check() const
{
    for (const auto& one : subprotocols)
        if (!isToken(one))
            throw Error(Errc::invalidArgument,
                        fmt::format("invalid subprotocol '{:.40}': a token is expected", one));
    for (const auto& header : headers)
    {
        if (!isHeader(header))
            throw Error(Errc::invalidArgument,
                        fmt::format("invalid header '{:.40}': a name, and a value of one line, are expected",
                                    header.name));
        if (isOwn(header.name))
            throw Error(Errc::invalidArgument,
                        fmt::format("the header '{}' is the handshake's own", header.name));
    }
}

Strand<OpenedWebSocket> openWebSocket(Url url, Random& random, OpenOptions options)
{
    OpenedWebSocket opened{co_await connectTo(url, options.proxy)};
    if (url.isSecure)
        opened.transport =
            options.tls->secure(co_await asio::this_coro::executor, std::move(opened.transport), url.host);
    const UpgradeRequest request{.host = url.hostHeader(),
                                 .target = url.target,
                                 .key = makeKey(random.next(), random.next()),
                                 .headers = options.headers,
                                 .subprotocols = options.subprotocols,
                                 .deflate = options.deflate};
    co_await send(*opened.transport, url, upgradeRequest(request));

    HttpHeadParser parser(HttpHeadParser::Kind::response);
    std::string bytes;
    while (!parser.isComplete())
    {
        bytes.resize(4096);
        const auto transfer = opened.transport->tryRead(std::as_writable_bytes(std::span(bytes)));
        switch (transfer.outcome)
        {
        case Transfer::Outcome::moved: break;
        case Transfer::Outcome::wouldBlock: co_await opened.transport->waitReadable(); continue;
        case Transfer::Outcome::end: fail(url, "the server ended the connection during the upgrade");
        case Transfer::Outcome::failed: fail(url, transfer.error.message());
        }
        bytes.resize(transfer.size);
        if (!url.isSecure && parser.head().startLine.empty() && bytes.starts_with(tlsAlert))
            fail(url, "the server speaks TLS: wss:// is expected");
        bytes.erase(0, parser.feed(bytes));
        // Another protocol's greeting may be all that this peer says before it waits in its turn.
        const auto& startLine = parser.head().startLine;
        if (!startLine.empty() && !startLine.starts_with("HTTP/"))
            fail(url, "the server's answer is not HTTP");
        if (parser.refusal()) fail(url, "the server's answer is not HTTP: " + parser.refusal()->reason);
    }
    if (const auto wrong = judgeResponse(parser.head(), request)) fail(url, *wrong);
    opened.deflate = agreedDeflate(parser.head(), request);
    if (const auto chosen = parser.head().first("Sec-WebSocket-Protocol"))
        opened.subprotocol.emplace(*chosen);
    opened.received = std::move(bytes);
    co_return opened;
}

}  // namespace strandcast
