#include "websocket/handshake_key.hpp"
#include "websocket/http_head.hpp"
#include "websocket/upgrade_request.hpp"
#include "websocket/upgrade_response.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

std::string request(const std::string& more = {}, const std::string& line = "GET /chat?x=1 HTTP/1.1")
{
    return line +
           "\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
           "Sec-WebSocket-Key: " +
           key + "\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n";
}

/// What a server makes of these bytes: 101, the status that refuses them, or 0 where more are needed.
int statusOf(const std::string& text, HttpHeadLimits limits = {})
{
    HttpHeadParser parser(HttpHeadParser::Kind::request, limits);
    parser.feed(text);
    if (parser.refusal()) return parser.refusal()->status;
    if (!parser.isComplete()) return 0;
    auto read = readRequest(std::move(parser.head()));
    if (const auto* const refusal = std::get_if<HttpRefusal>(&read)) return refusal->status;
    const auto refusal = judgeUpgrade(std::get<HttpRequest>(read));
    return refusal ? refusal->status : 101;
}

std::string without(std::string text, const std::string& header)
{
    const auto begin = text.find(header + ":");
    return text.erase(begin, text.find("\r\n", begin) + 2 - begin);
}

std::string with(std::string text, const std::string& what, const std::string& by)
{
    return text.replace(text.find(what), what.size(), by);
}

std::optional<std::string> judged(const std::string& text)
{
    const UpgradeRequest asked{.host = "h", .target = "/", .key = key, .subprotocols = {"chat"}};
    HttpHeadParser parser(HttpHeadParser::Kind::response);
    parser.feed(text);
    REQUIRE(parser.isComplete());
    return judgeResponse(parser.head(), asked);
}

const std::string accepted =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

}  // namespace

TEST_CASE("the RFC's own example of a key is answered as it shows")
{
    CHECK(acceptKey(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455, section 1.3
    CHECK(isKey(key));
    CHECK(isKey(makeKey(1, 2)));
    CHECK_FALSE(isKey("dGhlIHNhbXBsZSBub25jZQ="));
    CHECK_FALSE(isKey("dGhlIHNhbXBsZSBub25j*Q=="));
}

TEST_CASE("an upgrade is accepted, in any case of letters, and what follows it is not its own")
{
    CHECK(statusOf(request()) == 101);
    CHECK(statusOf(with(with(request(), "Upgrade: websocket", "uPGRADE: h2c, WebSocket"), "Host", "HOST")) ==
          101);
    CHECK(statusOf(request("Content-Length: 0\r\n")) == 101);
    CHECK(statusOf(request({}, "GET http://server.example.com/chat HTTP/1.1")) == 101);
    CHECK(statusOf(request({}, "GET /chat HTTP/1.2")) == 101);  // RFC 6455, 4.2.1: "HTTP/1.1 or higher"

    HttpHeadParser parser(HttpHeadParser::Kind::request);
    CHECK(parser.feed(request() + "\x81\x80") == request().size());
    const auto read = readRequest(std::move(parser.head()));
    CHECK(std::get<HttpRequest>(read).path == "/chat");
    CHECK(std::get<HttpRequest>(read).query == "x=1");
}

TEST_CASE("a request's path and query are the same whether a client or a proxy's client names them")
{
    const auto targetOf = [](const std::string& target)
    {
        HttpHeadParser parser(HttpHeadParser::Kind::request);
        parser.feed(request("Sec-WebSocket-Protocol: one, two\r\n", "GET " + target + " HTTP/1.1"));
        const auto read = readRequest(std::move(parser.head()));
        REQUIRE(std::holds_alternative<HttpRequest>(read));
        const auto& found = std::get<HttpRequest>(read);
        CHECK(found.method == "GET");
        CHECK(found.subprotocols() == std::vector<std::string_view>{"one", "two"});
        return found.path + ' ' + found.query;
    };
    CHECK(targetOf("/") == "/ ");
    CHECK(targetOf("/a/b?c?d") == "/a/b c?d");
    CHECK(targetOf("http://h/a?b") == "/a b");
    CHECK(targetOf("HTTPS://h") == "/ ");
    CHECK(targetOf("http://h?b=/c") == "/ b=/c");
}

TEST_CASE("what is no request of HTTP/1.1 is refused with the status that says so")
{
    CHECK(statusOf("\x16\x03\x01") == 400);  // a TLS hello, at its first byte
    CHECK(statusOf(" GET") == 400);
    CHECK(statusOf("G\xC3") == 400);
    CHECK(statusOf(request({}, "GET /chat")) == 400);
    CHECK(statusOf(request({}, "GET /chat HTTP/1.0")) == 505);
    CHECK(statusOf(request({}, "GET /chat HTTP/2.0")) == 505);
    CHECK(statusOf(request({}, "GET /chat HTTP/1.10")) == 505);
    CHECK(statusOf(request({}, "GET /chat HTTP/1.")) == 505);
    CHECK(statusOf(request({}, "GET /chat FTP/1.1")) == 400);
    CHECK(statusOf(request({}, "GET chat HTTP/1.1")) == 400);
    CHECK(statusOf(request({}, "GET /a b HTTP/1.1")) == 400);
    CHECK(statusOf(request({}, "GET /a#b HTTP/1.1")) == 400);
    CHECK(statusOf("GET /\xC3") == 400);
    CHECK(statusOf(without(request(), "Host")) == 400);
    CHECK(statusOf(request("Host: other\r\n")) == 400);
    CHECK(statusOf(request("Transfer-Encoding: chunked\r\n")) == 400);
    CHECK(statusOf(request("Content-Length: 5\r\n")) == 400);
    CHECK(statusOf(request("Content-Length: 5\r\n", "HEAD /chat HTTP/1.1")) == 400);
    CHECK(statusOf(request("Content-Length: 5\r\n", "POST /chat HTTP/1.1")) == 405);
    CHECK(statusOf(request("Transfer-Encoding: chunked\r\n", "PUT /chat HTTP/1.1")) == 405);
    CHECK(statusOf(request("Content-Length: +0\r\n")) == 400);
    CHECK(statusOf(request("Content-Length: 0\r\nContent-Length: 1\r\n")) == 400);
    CHECK(statusOf("GET / HTTP/1.1\nHost: x\n\n") == 400);
    CHECK(statusOf("GET / HTTP/1.1\r\nHost: x\rX\r\n\r\n") == 400);
    CHECK(statusOf(request(" folded\r\n")) == 400);
    CHECK(statusOf(request("Name : value\r\n")) == 400);
    CHECK(statusOf(request("no colon\r\n")) == 400);
    CHECK(statusOf(request(": no name\r\n")) == 400);
    CHECK(statusOf(request(std::string("X: a\0b\r\n", 8))) == 400);
}

TEST_CASE("what is no WebSocket upgrade is refused with the status that says so")
{
    CHECK(statusOf(request({}, "POST /chat HTTP/1.1")) == 405);
    CHECK(statusOf(without(request(), "Upgrade")) == 426);
    CHECK(statusOf(without(request(), "Connection")) == 426);
    CHECK(statusOf(without(request(), "Sec-WebSocket-Version")) == 426);
    CHECK(statusOf(with(request(), "Version: 13", "Version: 8")) == 426);
    CHECK(statusOf(without(request(), "Sec-WebSocket-Key")) == 400);
    CHECK(statusOf(with(request(), key, "c2hvcnQ=")) == 400);
    CHECK(statusOf(request("Sec-WebSocket-Key: " + key + "\r\n")) == 400);
}

TEST_CASE("each limit holds: just under it passes, and the byte or header over it does not")
{
    const auto lineOf = [](std::size_t size) { return "GET /" + std::string(size - 14, 'a') + " HTTP/1.1"; };
    CHECK(statusOf(request({}, lineOf(8 * 1024))) == 101);
    CHECK(statusOf(request({}, lineOf(8 * 1024 + 1))) == 414);

    const auto headers = [](int count)
    {
        std::string text;
        for (int i = 0; i < count; ++i) text += "X: y\r\n";
        return text;
    };
    CHECK(statusOf(request(headers(95))) == 101);  // with the five that a request has
    CHECK(statusOf(request(headers(96))) == 431);

    const auto ofSize = [](std::size_t size)
    { return request("X: " + std::string(size - request().size() - 5, 'y') + "\r\n"); };
    CHECK(ofSize(16 * 1024).size() == 16 * 1024);
    CHECK(statusOf(ofSize(16 * 1024)) == 101);
    CHECK(statusOf(ofSize(16 * 1024 + 1)) == 431);
    CHECK(statusOf(std::string(100'000, 'G')) == 414);

    // No limit at all is one as well.
    constexpr auto most = static_cast<std::size_t>(-1);
    HttpHeadParser unlimited(HttpHeadParser::Kind::request, {most, most, most});
    unlimited.feed(request(headers(1'000), lineOf(100'000)));
    CHECK(unlimited.isComplete());
}

TEST_CASE("a request that trickles in byte by byte is judged as one that comes at once")
{
    for (const auto& text : {request(), request("Name : value\r\n"), std::string("GET / HTTP/1.1\nX")})
    {
        HttpHeadParser parser(HttpHeadParser::Kind::request);
        HttpHeadParser whole(HttpHeadParser::Kind::request);
        whole.feed(text);
        for (const char byte : text) parser.feed({&byte, 1});
        CHECK(parser.isComplete() == whole.isComplete());
        CHECK(parser.refusal() == whole.refusal());
    }
}

TEST_CASE("random bytes, and requests with a byte changed, are refused or read, and never more than that")
{
    std::mt19937 random(4);
    for (int round = 0; round < 20'000; ++round)
    {
        auto text = request();
        for (auto changes = 1 + random() % 3; changes > 0; --changes)
            text[random() % text.size()] = static_cast<char>(random());
        const int status = statusOf(text);
        REQUIRE((status == 0 || status == 101 || (status >= 400 && status <= 505)));
    }
}

TEST_CASE("a refusal says its status, its reason and that the connection ends")
{
    const auto text = refusalResponse({426, "A WebSocket upgrade is expected"});
    CHECK(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    CHECK(text.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
    CHECK(text.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
    CHECK(text.find("\r\nContent-Length: 32\r\n") != std::string::npos);
    CHECK(text.ends_with("\r\n\r\nA WebSocket upgrade is expected\n"));
    CHECK(refusalResponse({405, ""}).find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
}

TEST_CASE("a client takes what answers its request, and says what is wrong with anything else")
{
    CHECK(judged(accepted) == std::nullopt);
    CHECK(judged(with(accepted, "101 Switching Protocols", "101")) == std::nullopt);
    CHECK(judged("HTTP/1.1 403 Forbidden\r\n\r\n") == "the server answered 403 Forbidden");
    CHECK(judged(with(accepted, "101", "1010")) == "the server answered 1010 Switching Protocols");
    CHECK(judged("HTTP/1.1 500 \xC3\xA9" + std::string(5000, 'x') + "\r\n\r\n") ==
          "the server answered 500 ??" + std::string(94, 'x'));
    CHECK(judged(with(accepted, "HTTP/1.1", "HTTP/1.0")) == "the server's answer is not HTTP/1.1");
    CHECK(judged(with(accepted, "s3p", "S3p")) ==
          "the server's Sec-WebSocket-Accept does not answer this request");
    CHECK(judged(without(accepted, "Sec-WebSocket-Accept")).has_value());
    CHECK(judged(without(accepted, "\r\nUpgrade")).has_value());
    CHECK(judged(without(accepted, "Connection")).has_value());
    CHECK(judged(with(accepted, "Upgrade: websocket", "Upgrade: WebSocket")) == std::nullopt);
    CHECK(judged(with(accepted, "Upgrade: websocket", "Upgrade: h2c, websocket")) ==
          "the server's answer upgrades to something else");
    CHECK(judged(with(accepted, "Connection: Upgrade", "Connection: keep-alive, upgrade")) == std::nullopt);
    CHECK(judged(with(accepted, "Connection: Upgrade", "Connection: Upgrade\r\nSec-WebSocket-Extensions: x"))
              .has_value());
    CHECK(judged(with(accepted, "Connection: Upgrade",
                      "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat")) == std::nullopt);
    CHECK(
        judged(with(accepted, "Connection: Upgrade", "Connection: Upgrade\r\nSec-WebSocket-Protocol: other"))
            .has_value());
}

TEST_CASE("a client's request is one that a server accepts, with its headers and subprotocols")
{
    const UpgradeRequest asked{.host = "h:81",
                               .target = "/p?q",
                               .key = makeKey(3, 4),
                               .headers = {{"X-A", "b"}},
                               .subprotocols = {"one", "two"}};
    const auto text = upgradeRequest(asked);
    CHECK(statusOf(text) == 101);
    HttpHeadParser parser(HttpHeadParser::Kind::request);
    parser.feed(text);
    CHECK(parser.head().first("x-a") == "b");
    CHECK(parser.head().hasToken("Sec-WebSocket-Protocol", "two"));
    CHECK(isHeader({"X-A", "b c"}));
    CHECK_FALSE(isHeader({"X-A", "b\r\nEvil: c"}));
    CHECK_FALSE(isHeader({"X A", "b"}));
}
