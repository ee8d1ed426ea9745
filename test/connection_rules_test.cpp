// A table of the rules of RFC 6455, sections 5 to 8, and of RFC 7692, section 7: what a peer says, and what
// it is answered by a connection that echoes messages. Each is tried in both roles, over a real socket, and
// over a stream in memory whole, byte by byte, and cut in two at every place. test/conformance/drive.py asks
// the same of two programs.

#include "conformance/echo.hpp"
#include "support/connection_bench.hpp"
#include "support/streams.hpp"
#include "transport/listener.hpp"
#include "transport/stream.hpp"
#include "transport/tcp.hpp"

#include <strandcast/clock.hpp>

#include <asio/error.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

constexpr std::size_t maxMessage = 100'000;

using Answers = std::vector<std::string>;

/// The other side of a connection of one role.
struct Peer
{
    Role ours;

    [[nodiscard]] std::string frame(unsigned opcode, std::string_view payload, bool fin = true,
                                    unsigned reserved = 0) const
    {
        auto bytes =
            ours == Role::server ? wire::masked(opcode, payload, fin) : wire::unmasked(opcode, payload, fin);
        bytes[0] = static_cast<char>(static_cast<unsigned char>(bytes[0]) | reserved << 4);
        return bytes;
    }
    [[nodiscard]] std::string text(std::string_view payload, bool fin = true) const
    {
        return frame(wire::text, payload, fin);
    }
    [[nodiscard]] std::string more(std::string_view payload, bool fin = true) const
    {
        return frame(wire::continuation, payload, fin);
    }
    [[nodiscard]] std::string close(unsigned code, std::string_view reason = {}) const
    {
        return frame(wire::close, wire::closePayload(code, reason));
    }
    /// A header that says this, whatever it means.
    [[nodiscard]] std::string header(unsigned first, unsigned length, std::string_view rest = {}) const
    {
        std::string bytes;
        bytes += static_cast<char>(first);
        bytes += static_cast<char>((ours == Role::server ? 0x80U : 0U) | length);
        bytes += rest;
        return ours == Role::server ? bytes.append(wire::mask) : bytes;
    }
};

struct Rule
{
    std::string name;
    std::function<std::string(const Peer&)> said;
    Answers answers;
    bool isCompressed = false;
};

std::string describe(const wire::Frame& frame)
{
    switch (frame.opcode)
    {
    case wire::text: return "text " + frame.payload;
    case wire::binary: return "binary " + frame.payload;
    case wire::pong: return "pong " + frame.payload;
    case wire::close: return fmt::format("close {}", wire::closeCode(frame));
    default: return fmt::format("opcode {}", frame.opcode);
    }
}

const DeflateOptions deflateOptions;

/// What the connection answers where its peer's bytes come in these pieces.
Answers answersTo(const std::vector<std::string>& pieces, Role role, bool isCompressed)
{
    ConnectionOptions options;
    options.role = role;
    options.protocol.maxMessageSize = maxMessage;
    Answers answers;
    withConnection(
        [&](ConnectionBench& bench) -> Strand<>
        {
            if (isCompressed)
            {
                DeflateParameters agreed;
                agreed.client = agreed.server = {15, true};
                bench.connection->compress(agreed, deflateOptions);
            }
            bench.heard.whenText = [&](std::string_view text) { bench.connection->send(text); };
            bench.heard.whenBinary = [&](std::span<const std::byte> bytes)
            { bench.connection->sendBinary(bytes); };
            for (const auto& piece : pieces)
            {
                bench.peer.write(piece);
                co_await turns(4);
            }
            co_await turns(8);
            for (const auto& frame : bench.peer.frames()) answers.push_back(describe(frame));
            CHECK(bench.peer.received.empty());
        },
        options);
    return answers;
}

/// The two ends of a TCP connection to this machine.
Strand<std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>> connectedSockets(ShardExecutor io)
{
    Listener listener(io, TcpAddress{"127.0.0.1", 0});
    auto one = co_await connectTcp("127.0.0.1", std::get<TcpAddress>(listener.address()).port);
    asio::error_code error;
    for (;;)
    {
        auto socket = listener.tryAccept(error);
        if (!error)
            co_return std::pair(std::move(one), std::make_unique<StreamTransport>(io, std::move(socket)));
        REQUIRE(error == asio::error::would_block);
        co_await listener.wait();
    }
}

/// The same over a real socket, until its end; the peer ends its direction once it has as many answers as it
/// is to get.
Answers answersOverSocket(const std::string& bytes, Role role, bool isCompressed, std::size_t expected)
{
    ConnectionOptions options;
    options.role = role;
    options.protocol.maxMessageSize = maxMessage;
    std::optional<DeflateParameters> deflate;
    if (isCompressed)
    {
        deflate.emplace();  // first: of an assignment the right side is evaluated before the left one
        deflate->client = deflate->server = {15, true};
    }
    Answers answers;
    runStrand(
        [&](asio::io_context& io) -> Strand<>
        {
            auto [ours, peer] = co_await connectedSockets(io.get_executor());
            FakeClock clock;
            const auto shard = std::make_shared<Shard>(io.get_executor(), clock, Random::system());
            conformance::Echo echo(*shard, std::move(ours), options, deflate, deflateOptions);
            TaskGroup echoing(io.get_executor());
            const auto run = [](conformance::Echo& one) -> Strand<> { co_await one.run({}); };
            echoing.spawn(run(echo));
            co_await writeAll(*peer, bytes);
            std::string received;
            for (bool isOver = false; !isOver;)
            {
                if (answers.size() == expected) peer->shutdownWrite();
                const auto read = co_await readUntil(*peer, 1);
                isOver = read.bytes.empty();
                received += read.bytes;
                while (const auto frame = wire::takeFrame(received)) answers.push_back(describe(*frame));
            }
            CHECK(received.empty());
            peer->close();
            co_await echoing.wait();
        });
    return answers;
}

/// Where the bytes are cut: everywhere, or where that is too many, in the headers' neighbourhood.
std::vector<std::size_t> cuts(std::size_t size)
{
    std::vector<std::size_t> places;
    for (std::size_t at = 1; at < size; ++at)
        if (size <= 400 || at < 20 || at + 12 > size || at % 20'011 == 0) places.push_back(at);
    return places;
}

void check(const Rule& rule, Role role)
{
    CAPTURE(rule.name);
    CAPTURE(static_cast<int>(role));
    const auto bytes = rule.said(Peer{role});
    CHECK(answersOverSocket(bytes, role, rule.isCompressed, rule.answers.size()) == rule.answers);
    CHECK(answersTo({bytes}, role, rule.isCompressed) == rule.answers);
    if (bytes.size() <= 400)
    {
        std::vector<std::string> single;
        for (const char byte : bytes) single.emplace_back(1, byte);
        CHECK(answersTo(single, role, rule.isCompressed) == rule.answers);
    }
    for (const auto at : cuts(bytes.size()))
    {
        CAPTURE(at);
        CHECK(answersTo({bytes.substr(0, at), bytes.substr(at)}, role, rule.isCompressed) == rule.answers);
    }
}

void check(const std::vector<Rule>& rules)
{
    for (const auto& rule : rules)
        for (const auto role : {Role::server, Role::client}) check(rule, role);
}

/// A frame or a few, after which nothing else is heard.
Rule fails(std::string name, unsigned code, std::function<std::string(const Peer&)> said, Answers before = {})
{
    before.push_back(fmt::format("close {}", code));
    return {std::move(name), [said = std::move(said)](const Peer& peer)
            { return said(peer) + (peer.text("never heard")); }, std::move(before)};
}

std::string bytesOf(std::initializer_list<unsigned> bytes)
{
    std::string text;
    for (const auto byte : bytes) text += static_cast<char>(byte);
    return text;
}

}  // namespace

TEST_CASE("RFC 6455, 5.1 and 5.2: masks, reserved bits, opcodes and lengths")
{
    std::vector<Rule> rules = {
        fails("5.1 a server takes no unmasked frame, a client no masked one", 1002,
              [](const Peer& peer)
              {
                  return peer.ours == Role::server ? wire::unmasked(wire::text, "a")
                                                   : wire::masked(wire::text, "a");
              }),
        fails("5.2 a length in more bytes than it needs: 16 bits", 1002,
              [](const Peer& peer) { return peer.header(0x81, 126, std::string("\0\x7d", 2)); }),
        fails("5.2 a length in more bytes than it needs: 64 bits", 1002, [](const Peer& peer)
              { return peer.header(0x81, 127, std::string("\0\0\0\0\0\0\xff\xff", 8)); }),
        fails("5.2 a length whose highest bit is set", 1002,
              [](const Peer& peer) { return peer.header(0x81, 127, std::string("\x80\0\0\0\0\1\0\0", 8)); }),
    };
    for (const unsigned reserved : {1U, 2U, 3U, 4U, 5U, 6U, 7U})
        rules.push_back(fails(fmt::format("5.2 reserved bits {}", reserved), 1002,
                              [=](const Peer& peer) { return peer.frame(wire::text, "a", true, reserved); }));
    for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U})
        rules.push_back(fails(fmt::format("5.2 reserved opcode {}", opcode), 1002,
                              [=](const Peer& peer) { return peer.frame(opcode, ""); }));
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65'535U, 65'536U})
    {
        const std::string payload(size, '*');
        rules.push_back({fmt::format("5.2 and 5.6 a text of {} bytes", size),
                         [=](const Peer& peer) { return peer.text(payload); },
                         {"text " + payload}});
        rules.push_back({fmt::format("5.2 and 5.6 a binary message of {} bytes", size),
                         [=](const Peer& peer) { return peer.frame(wire::binary, payload); },
                         {"binary " + payload}});
    }
    check(rules);
}

TEST_CASE("RFC 6455, 5.4: fragments")
{
    check({
        {"5.4 a message in fragments",
         [](const Peer& peer)
         { return peer.text("in ", false) + peer.more("three ", false) + peer.more("parts"); },
         {"text in three parts"}},
        {"5.4 empty fragments",
         [](const Peer& peer) { return peer.text("", false) + peer.more("", false) + peer.more(""); },
         {"text "}},
        {"5.4 control frames stand between fragments",
         [](const Peer& peer)
         {
             return peer.text("a", false) + peer.frame(wire::ping, "x") + peer.more("b", false) +
                    peer.frame(wire::pong, "y") + peer.more("c");
         },
         {"pong x", "text abc"}},
        {"5.4 a Close stands between fragments",
         [](const Peer& peer) { return peer.text("a", false) + peer.close(1000); },
         {"close 1000"}},
        {"5.4 messages behind each other",
         [](const Peer& peer)
         { return peer.text("a") + peer.text("b", false) + peer.more("c") + peer.frame(wire::binary, "d"); },
         {"text a", "text bc", "binary d"}},
        fails("5.4 a continuation without a message", 1002, [](const Peer& peer) { return peer.more("a"); }),
        fails("5.4 a continuation that goes on, without a message", 1002,
              [](const Peer& peer) { return peer.more("a", false); }),
        fails("5.4 a continuation behind a whole message", 1002,
              [](const Peer& peer) { return peer.text("a") + peer.more("b"); }, {"text a"}),
        fails("5.4 a text inside of a message", 1002,
              [](const Peer& peer) { return peer.text("a", false) + peer.text("b"); }),
        fails("5.4 a binary message inside of a message", 1002,
              [](const Peer& peer) { return peer.text("a", false) + peer.frame(wire::binary, "b"); }),
    });
}

TEST_CASE("RFC 6455, 5.5: control frames")
{
    std::vector<Rule> rules = {
        {"5.5.2 a Ping gets its Pong",
         [](const Peer& peer) { return peer.frame(wire::ping, ""); },
         {"pong "}},
        {"5.5.2 a Pong has the Ping's payload",
         [](const Peer& peer) { return peer.frame(wire::ping, std::string(125, 'p')); },
         {"pong " + std::string(125, 'p')}},
        {"5.5.2 each Ping gets its Pong, in order",
         [](const Peer& peer)
         { return peer.frame(wire::ping, "1") + peer.text("t") + peer.frame(wire::ping, "2"); },
         {"pong 1", "text t", "pong 2"}},
        {"5.5.3 a Pong that nobody asked for",
         [](const Peer& peer) { return peer.frame(wire::pong, "x") + peer.text("t"); },
         {"text t"}},
        {"5.5.1 a Close without a code",
         [](const Peer& peer) { return peer.frame(wire::close, "") + peer.text("never heard"); },
         {"close 1005"}},
        {"5.5.1 a Close with a reason",
         [](const Peer& peer)
         { return peer.close(1000, "enough \xe2\x82\xac") + peer.frame(wire::ping, "never heard"); },
         {"close 1000"}},
        {"5.5.1 a Close with as long a reason as fits",
         [](const Peer& peer) { return peer.close(1000, std::string(123, 'r')); },
         {"close 1000"}},
        fails("5.5.1 a Close with half a code", 1002,
              [](const Peer& peer) { return peer.frame(wire::close, "\x03"); }),
        fails("5.5.1 a Close whose reason is not UTF-8", 1007,
              [](const Peer& peer) { return peer.close(1000, "\xce\xba\xe1\xff"); }),
    };
    for (const auto opcode : {wire::close, wire::ping, wire::pong})
    {
        rules.push_back(fails(fmt::format("5.5 the control frame {} in fragments", static_cast<int>(opcode)),
                              1002, [=](const Peer& peer) { return peer.frame(opcode, "", false); }));
        rules.push_back(fails(fmt::format("5.5 the control frame {} of 126 bytes", static_cast<int>(opcode)),
                              1002,
                              [=](const Peer& peer) { return peer.frame(opcode, std::string(126, 'x')); }));
    }
    check(rules);
}

TEST_CASE("RFC 6455, 7.4: the codes of a Close")
{
    std::vector<Rule> rules;
    for (const unsigned code :
         {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U, 3999U, 4000U, 4999U})
        rules.push_back({fmt::format("7.4 {} is answered with itself", code),
                         [=](const Peer& peer) { return peer.close(code); },
                         {fmt::format("close {}", code)}});
    for (const unsigned code :
         {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U})
        rules.push_back(fails(fmt::format("7.4 {} may not be sent", code), 1002,
                              [=](const Peer& peer) { return peer.close(code); }));
    check(rules);
}

TEST_CASE("RFC 6455, 8.1: a text is UTF-8, across fragments as well")
{
    const std::string valid = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 "
                              "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    std::vector<Rule> rules = {
        {"8.1 all lengths of characters",
         [=](const Peer& peer) { return peer.text(valid); },
         {"text " + valid}},
        {"8.1 binary messages are any bytes",
         [](const Peer& peer) { return peer.frame(wire::binary, "\xff\xfe"); },
         {"binary \xff\xfe"}},
        fails("8.1 a character that does not end", 1007,
              [](const Peer& peer) { return peer.text("a\xe2\x82"); }),
        fails("8.1 a character that does not end with its last fragment", 1007,
              [](const Peer& peer) { return peer.text("a\xe2", false) + peer.more("\x82"); }),
        {"8.1 the first bad byte is enough",
         [](const Peer& peer)
         {
             return peer.text("good", false) +
                    peer.more("\xf4\x90 and what never comes").substr(0, peer.ours == Role::server ? 8 : 4);
         },
         {"close 1007"}},
    };
    for (std::size_t at = 1; at < valid.size(); ++at)
        rules.push_back({fmt::format("8.1 a text in fragments cut at {}", at),
                         [=](const Peer& peer)
                         { return peer.text(valid.substr(0, at), false) + peer.more(valid.substr(at)); },
                         {"text " + valid}});
    for (const auto& bad :
         {bytesOf({0x80}), bytesOf({0xBF}), bytesOf({0xC0, 0x80}), bytesOf({0xC1, 0xBF}),
          bytesOf({0xE0, 0x80, 0x80}), bytesOf({0xE0, 0x9F, 0xBF}), bytesOf({0xED, 0xA0, 0x80}),
          bytesOf({0xED, 0xBF, 0xBF}), bytesOf({0xF0, 0x80, 0x80, 0x80}), bytesOf({0xF4, 0x90, 0x80, 0x80}),
          bytesOf({0xF5, 0x80, 0x80, 0x80}), bytesOf({0xFE}), bytesOf({0xFF}), bytesOf({0xC2, 0x41}),
          bytesOf({0xE2, 0x82, 0x41})})
        rules.push_back(fails(
            fmt::format("8.1 the bytes {:02x}", fmt::join(std::vector<int>(bad.begin(), bad.end()), " ")),
            1007, [=](const Peer& peer) { return peer.text("a" + bad + "b"); }));
    check(rules);
}

TEST_CASE("RFC 6455, 7.4.1: a message beyond the limit is 1009, at the header that says so")
{
    check({
        {"7.4.1 a message as long as may be",
         [](const Peer& peer) { return peer.text(std::string(maxMessage, 'm')); },
         {"text " + std::string(maxMessage, 'm')}},
        {"7.4.1 one byte more, of which none comes",
         [](const Peer& peer)
         {
             return peer.text(std::string(maxMessage + 1, 'm'))
                 .substr(0, peer.ours == Role::server ? 14 : 10);
         },
         {"close 1009"}},
        {"7.4.1 one byte more in another fragment",
         [](const Peer& peer) { return peer.text(std::string(maxMessage, 'm'), false) + peer.more("m"); },
         {"close 1009"}},
    });
}

TEST_CASE("RFC 7692, 7.2.3: the examples of compressed messages, and what may not be compressed")
{
    const auto hello = bytesOf({0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00});
    const auto compressed = [](const Peer& peer, std::string_view payload, bool fin = true,
                               unsigned opcode = wire::text) { return peer.frame(opcode, payload, fin, 4); };
    std::vector<Rule> rules = {
        {"7.2.3.1 one block", [=](const Peer& peer) { return compressed(peer, hello); }, {"text Hello"}},
        {"7.2.3.1 in fragments, of which the first alone has the bit",
         [=](const Peer& peer)
         { return compressed(peer, hello.substr(0, 3), false) + peer.more(hello.substr(3)); },
         {"text Hello"}},
        {"7.2.3.2 the next message refers to the last",
         [=](const Peer& peer)
         { return compressed(peer, hello) + compressed(peer, bytesOf({0xF2, 0x00, 0x11, 0x00, 0x00})); },
         {"text Hello", "text Hello"}},
        {"7.2.3.3 a block without compression",
         [=](const Peer& peer)
         {
             return compressed(peer,
                               bytesOf({0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00}));
         },
         {"text Hello"}},
        {"7.2.3.4 a block with BFINAL",
         [=](const Peer& peer)
         { return compressed(peer, bytesOf({0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00})); },
         {"text Hello"}},
        {"7.2.3.5 two blocks in a message",
         [=](const Peer& peer)
         {
             return compressed(peer, bytesOf({0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9,
                                              0xC9, 0x07, 0x00}));
         },
         {"text Hello"}},
        {"7.2.3.6 an empty message",
         [=](const Peer& peer) { return compressed(peer, bytesOf({0x00})); },
         {"text "}},
        {"6 a message need not be compressed",
         [=](const Peer& peer) { return peer.text("plain") + compressed(peer, hello); },
         {"text plain", "text Hello"}},
        {"6.1 controls between compressed fragments are not",
         [=](const Peer& peer)
         {
             return compressed(peer, hello.substr(0, 4), false) + peer.frame(wire::ping, "p") +
                    peer.more(hello.substr(4));
         },
         {"pong p", "text Hello"}},
        fails("6.1 a compressed control frame", 1002,
              [=](const Peer& peer) { return compressed(peer, "", true, wire::ping); }),
        fails("6.1 the bit on a continuation", 1002,
              [=](const Peer& peer)
              {
                  return compressed(peer, hello.substr(0, 3), false) +
                         compressed(peer, hello.substr(3), true, wire::continuation);
              }),
        fails("7.2.2 a block of a type that there is not", 1007,
              [=](const Peer& peer) { return compressed(peer, "\x06"); }),
        fails("8.1 what it inflates to is not UTF-8", 1007, [=](const Peer& peer)
              { return compressed(peer, bytesOf({0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC3, 0x28, 0x00})); }),
    };
    for (auto& rule : rules) rule.isCompressed = true;
    check(rules);
}
