#include "websocket/protocol.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

using namespace strandcast;

namespace
{

struct FixedMask final : MaskSource
{
    std::uint32_t nextMask() override { return 0x5A17C3E9; }
};

FixedMask masks;

constexpr std::uint32_t someMask = 0x12345678;

std::string frame(Opcode opcode, std::string_view payload, bool masked, bool fin = true)
{
    FrameHeader header{.fin = fin, .opcode = opcode, .payloadSize = payload.size()};
    if (masked) header.mask = makeMask(someMask);
    std::array<std::byte, maxFrameHeaderSize> encoded;
    const auto size = encodeFrameHeader(header, encoded);
    std::string text(reinterpret_cast<const char*>(encoded.data()), size);
    std::string body(payload);
    if (header.mask) applyMask(std::as_writable_bytes(std::span(body)), *header.mask);
    return text + body;
}

// As each role receives them.
std::string toServer(Opcode opcode, std::string_view payload, bool fin = true)
{
    return frame(opcode, payload, true, fin);
}
std::string toClient(Opcode opcode, std::string_view payload, bool fin = true)
{
    return frame(opcode, payload, false, fin);
}

std::string closeBody(int code, std::string_view text = {})
{
    std::string body = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    return body.append(text);
}

std::string describe(const ProtocolEvent& event)
{
    const auto reason = [](std::string_view kind, const CloseReason& why)
    { return std::string(kind) + ' ' + std::to_string(static_cast<int>(why.code)) + ' ' + why.text; };
    if (const auto* const text = std::get_if<TextReceived>(&event)) return "text " + std::string(text->text);
    if (const auto* const binary = std::get_if<BinaryReceived>(&event))
        return "binary " +
               std::string(reinterpret_cast<const char*>(binary->bytes.data()), binary->bytes.size());
    if (const auto* const ping = std::get_if<PingReceived>(&event))
        return "ping " + std::string(ping->payload);
    if (const auto* const pong = std::get_if<PongReceived>(&event))
        return "pong " + std::string(pong->payload);
    if (const auto* const closed = std::get_if<PeerClosed>(&event)) return reason("closed", closed->reason);
    return reason("failed", std::get<ProtocolFailed>(event).reason);
}

/// Everything that a protocol says to these bytes, given in one piece.
std::vector<std::string> receive(Protocol& protocol, std::string bytes)
{
    std::vector<std::string> events;
    protocol.receive(std::as_writable_bytes(std::span(bytes)));
    while (const auto event = protocol.nextEvent()) events.push_back(describe(*event));
    protocol.retain();
    return events;
}

using Events = std::vector<std::string>;

/// What a fresh server says to these bytes: its last event.
std::string serverOn(const std::string& bytes, const ProtocolLimits& limits = {})
{
    Protocol server(Role::server, limits);
    const auto events = receive(server, bytes);
    return events.empty() ? "" : events.back();
}

const ProtocolLimits defaults;

}  // namespace

TEST_CASE("a message in one frame arrives, from either side, of every length that matters")
{
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 100'000U})
    {
        const std::string text(size, 'x');
        Protocol server(Role::server, defaults);
        Protocol client(Role::client, defaults, &masks);
        client.sendText(text);
        CHECK(receive(server, client.takeOutput()) == Events{"text " + text});
        server.sendBinary(std::as_bytes(std::span(text)));
        CHECK(receive(client, server.takeOutput()) == Events{"binary " + text});
    }
}

TEST_CASE("a client masks what it sends, and a server does not")
{
    Protocol client(Role::client, defaults, &masks);
    client.sendText("Hello");
    CHECK((static_cast<unsigned char>(client.takeOutput()[1]) & 0x80) != 0);
    Protocol server(Role::server, defaults);
    server.sendText("Hello");
    CHECK(server.takeOutput() == "\x81\x05Hello");
}

TEST_CASE("a frame masked in the wrong direction is a protocol error")
{
    CHECK(serverOn(toClient(Opcode::text, "x")) == "failed 1002 Frame is not masked");
    Protocol client(Role::client, defaults, &masks);
    CHECK(receive(client, toServer(Opcode::text, "x")) == Events{"failed 1002 Frame is masked"});
}

TEST_CASE("fragments are one message, with control frames between them")
{
    Protocol server(Role::server, defaults);
    const auto bytes = toServer(Opcode::text, "a", false) + toServer(Opcode::ping, "p") +
                       toServer(Opcode::continuation, "", false) + toServer(Opcode::pong, "q") +
                       toServer(Opcode::continuation, "b") + toServer(Opcode::binary, "c");
    CHECK(receive(server, bytes) == Events{"ping p", "pong q", "text ab", "binary c"});
    CHECK(server.takeOutput() == toClient(Opcode::pong, "p"));
}

TEST_CASE("fragments out of place are a protocol error")
{
    CHECK(serverOn(toServer(Opcode::continuation, "x")) == "failed 1002 Continuation of no message");
    CHECK(serverOn(toServer(Opcode::text, "x", false) + toServer(Opcode::text, "y")) ==
          "failed 1002 New message within a message");
    CHECK(serverOn(toServer(Opcode::text, "x") + toServer(Opcode::continuation, "y")) ==
          "failed 1002 Continuation of no message");
}

TEST_CASE("reserved bits without an extension are a protocol error")
{
    for (const int bit : {0x40, 0x20, 0x10})
    {
        auto bytes = toServer(Opcode::text, "x");
        bytes[0] = static_cast<char>(bytes[0] | bit);
        CHECK(serverOn(bytes) == "failed 1002 Reserved bits without an extension");
    }
}

TEST_CASE("each ping gets a pong with its payload, in order")
{
    Protocol server(Role::server, defaults);
    receive(server, toServer(Opcode::ping, "1") + toServer(Opcode::ping, "") +
                        toServer(Opcode::ping, std::string(125, 'z')));
    CHECK(server.takeOutput() == toClient(Opcode::pong, "1") + toClient(Opcode::pong, "") +
                                     toClient(Opcode::pong, std::string(125, 'z')));
}

TEST_CASE("a text that is not UTF-8 is 1007, at its first wrong byte")
{
    CHECK(serverOn(toServer(Opcode::text, "a\xFFz")) == "failed 1007 Not UTF-8");
    CHECK(serverOn(toServer(Opcode::text, "\xE4\xB8")) == "failed 1007 Not UTF-8");
    CHECK(serverOn(toServer(Opcode::binary, "\xFF")) == "binary \xFF");
    // A character may be split over fragments, but not between messages.
    CHECK(serverOn(toServer(Opcode::text, "\xE4", false) + toServer(Opcode::continuation, "\xB8\x96")) ==
          "text 世");
    CHECK(serverOn(toServer(Opcode::text, "\xE4", false) + toServer(Opcode::continuation, "\xB8")) ==
          "failed 1007 Not UTF-8");

    // The frame is not complete, and nothing that follows could mend it.
    Protocol server(Role::server, defaults);
    const auto bytes = toServer(Opcode::text, std::string(50, 'a') + "\xC0" + std::string(50, 'a'));
    CHECK(receive(server, bytes.substr(0, 60)) == Events{"failed 1007 Not UTF-8"});
}

TEST_CASE("a Close is answered with the same code, and then nothing more is read or sent")
{
    Protocol server(Role::server, defaults);
    CHECK(receive(server, toServer(Opcode::close, closeBody(1001, "bye")) + toServer(Opcode::text, "late")) ==
          Events{"closed 1001 bye"});
    CHECK(server.takeOutput() == toClient(Opcode::close, closeBody(1001)));
    CHECK(server.closed());
    server.sendText("too late");
    server.ping("too late");
    server.close({CloseCode::normal, {}});
    CHECK_FALSE(server.hasOutput());
    CHECK(receive(server, toServer(Opcode::text, "later")).empty());
}

TEST_CASE("a Close without a code is answered without one")
{
    Protocol server(Role::server, defaults);
    CHECK(receive(server, toServer(Opcode::close, "")) == Events{"closed 1005 "});
    CHECK(server.takeOutput() == toClient(Opcode::close, ""));
}

TEST_CASE("every code that may be on the wire is taken, and every other is a protocol error")
{
    for (int code = 0; code < 5100; ++code)
    {
        // RFC 6455, section 7.4, and the registry that it founded.
        const bool valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                           (code >= 3000 && code <= 4999);
        const auto said = serverOn(toServer(Opcode::close, closeBody(code)));
        if (said.starts_with("closed " + std::to_string(code)) != valid)
            FAIL("wrong about " << code << ": " << said);
        if (!valid && !said.starts_with("failed 1002")) FAIL("wrong about " << code << ": " << said);
    }
    CHECK(serverOn(toServer(Opcode::close, "\x03")) == "failed 1002 Close with half a code");
    CHECK(serverOn(toServer(Opcode::close, closeBody(1000, "\xFF"))) == "failed 1007 Not UTF-8");
}

TEST_CASE("after its own Close a side passes over messages, answers no ping, and waits for the peer's Close")
{
    Protocol server(Role::server, defaults);
    server.close({CloseCode::goingAway, "Server shutting down"});
    CHECK(server.takeOutput() == toClient(Opcode::close, closeBody(1001, "Server shutting down")));
    CHECK_FALSE(server.closed());
    const auto bytes = toServer(Opcode::text, "x") + toServer(Opcode::text, "y", false) +
                       toServer(Opcode::continuation, "z") + toServer(Opcode::ping, "p");
    CHECK(receive(server, bytes) == Events{"ping p"});
    CHECK_FALSE(server.hasOutput());
    CHECK(receive(server, toServer(Opcode::close, closeBody(1001))) == Events{"closed 1001 "});
    CHECK(server.closed());
    CHECK_FALSE(server.hasOutput());
}

TEST_CASE("a failure queues a Close with its code, once, and nothing more is read")
{
    Protocol server(Role::server, defaults);
    CHECK(receive(server, toClient(Opcode::text, "x") + toServer(Opcode::text, "y")).size() == 1);
    CHECK(server.takeOutput() == toClient(Opcode::close, closeBody(1002, "Frame is not masked")));
    CHECK(server.closed());
    CHECK(receive(server, toServer(Opcode::text, "z")).empty());
    CHECK_FALSE(server.hasOutput());
}

TEST_CASE("a reason that is too long is cut between characters, and a code that may not be sent becomes 1011")
{
    Protocol server(Role::server, defaults);
    std::string reason(121, 'r');
    reason += "世";
    server.close({CloseCode::normal, reason});
    CHECK(server.takeOutput() == toClient(Opcode::close, closeBody(1000, std::string(121, 'r'))));
    Protocol other(Role::server, defaults);
    other.close({CloseCode::abnormal, "x"});
    CHECK(other.takeOutput() == toClient(Opcode::close, closeBody(1011, "x")));
}

TEST_CASE("a message of the limit's size passes, and one byte more is 1009 at its header")
{
    const ProtocolLimits limits{.maxMessageSize = 1000};
    CHECK(serverOn(toServer(Opcode::text, std::string(1000, 'x')), limits) ==
          "text " + std::string(1000, 'x'));
    CHECK(serverOn(toServer(Opcode::text, std::string(1001, 'x')).substr(0, 8), limits) ==
          "failed 1009 Message too large");
    const auto half = toServer(Opcode::text, std::string(500, 'x'), false);
    CHECK(serverOn(half + toServer(Opcode::continuation, std::string(500, 'x')), limits) ==
          "text " + std::string(1000, 'x'));
    CHECK(serverOn(half + toServer(Opcode::continuation, std::string(501, 'x')).substr(0, 8), limits) ==
          "failed 1009 Message too large");
    // The largest length that a header can claim.
    CHECK(serverOn(std::string("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0", 14)) ==
          "failed 1009 Message too large");
}

TEST_CASE("a message may have as many frames as the limit says")
{
    const ProtocolLimits limits{.maxFramesPerMessage = 3};
    const auto begin = toServer(Opcode::text, "", false) + toServer(Opcode::continuation, "", false);
    CHECK(serverOn(begin + toServer(Opcode::continuation, "x"), limits) == "text x");
    CHECK(serverOn(begin + toServer(Opcode::continuation, "", false) + toServer(Opcode::continuation, "x"),
                   limits) == "failed 1009 Too many fragments");
}

TEST_CASE("where binary messages are not accepted one is 1003 at its header")
{
    const ProtocolLimits limits{.acceptBinary = false};
    CHECK(serverOn(toServer(Opcode::binary, "12345678").substr(0, 6), limits) ==
          "failed 1003 Binary messages are not supported");
}

TEST_CASE("a text that is here as a whole is taken at once, and nothing else is")
{
    const auto takenOf = [](std::string bytes, std::string_view next)
    {
        Protocol server(Role::server, defaults);
        server.receive(std::as_writable_bytes(std::span(bytes)));
        const auto text = server.nextWholeText();
        const auto event = server.nextEvent();
        CHECK((event ? describe(*event) : "none") == next);
        return text ? std::string(*text) : "nothing";
    };
    const auto pong = toServer(Opcode::pong, "");
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65'535U})
        CHECK(takenOf(toServer(Opcode::text, std::string(size, 'x')) + pong, "pong ") ==
              std::string(size, 'x'));
    CHECK(takenOf(toServer(Opcode::text, std::string(65'536, 'x')) + pong,
                  "text " + std::string(65'536, 'x')) == "nothing");
    CHECK(takenOf(toServer(Opcode::text, "caf\xC3\xA9") + pong, "pong ") == "caf\xC3\xA9");
    CHECK(takenOf(toServer(Opcode::text, "abc", false), "none") == "nothing");
    CHECK(takenOf(toServer(Opcode::text, "abcdef").substr(0, 11), "none") == "nothing");
    CHECK(takenOf(toServer(Opcode::binary, "abc"), "binary abc") == "nothing");
    CHECK(takenOf(toServer(Opcode::ping, "abc"), "ping abc") == "nothing");
    CHECK(takenOf(toServer(Opcode::text, "a long one \xFF, and behind it more") + pong,
                  "failed 1007 Not UTF-8") == "nothing");
    CHECK(takenOf(toServer(Opcode::text, "\xE4\xB8"), "failed 1007 Not UTF-8") == "nothing");
    // What would be UTF-8 if it were unmasked once too often.
    std::string masked = "\xF0\x9F\x98\x80";
    applyMask(std::as_writable_bytes(std::span(masked)), makeMask(someMask));
    CHECK(takenOf(toServer(Opcode::text, masked), "failed 1007 Not UTF-8") == "nothing");
    CHECK(takenOf(toClient(Opcode::text, "unmasked"), "failed 1002 Frame is not masked") == "nothing");
    CHECK(takenOf("", "none") == "nothing");
}

TEST_CASE("a conversation means the same however it is cut into pieces")
{
    std::mt19937 random(5);
    for (int round = 0; round < 400; ++round)
    {
        std::string bytes;
        bool inMessage = false;
        for (int frames = 0; frames < 12; ++frames)
        {
            const bool fin = random() % 2 == 0;
            const std::string payload(random() % 5 == 0 ? 200 + random() % 200 : random() % 20,
                                      static_cast<char>('a' + random() % 26));
            switch (random() % 5)
            {
            case 0: bytes += toServer(Opcode::ping, payload.substr(0, 100)); break;
            case 1: bytes += toServer(Opcode::pong, payload.substr(0, 100)); break;
            default:
                bytes += toServer(inMessage           ? Opcode::continuation
                                  : random() % 2 == 0 ? Opcode::text
                                                      : Opcode::binary,
                                  payload, fin);
                inMessage = !fin;
            }
        }
        switch (random() % 4)
        {
        case 0: bytes += toServer(Opcode::close, closeBody(1000, "end")); break;
        case 1: bytes += toClient(Opcode::text, "unmasked"); break;
        case 2: bytes[random() % bytes.size()] = static_cast<char>(random()); break;
        default: break;
        }

        Protocol whole(Role::server, defaults);
        const auto expected = receive(whole, bytes);
        const auto expectedOutput = whole.takeOutput();

        Protocol pieces(Role::server, defaults);
        Events events;
        for (std::size_t begin = 0; begin < bytes.size();)
        {
            const auto size = round % 2 == 0 ? 1 : 1 + random() % 300;
            std::string piece = bytes.substr(begin, size);
            begin += size;
            pieces.receive(std::as_writable_bytes(std::span(piece)));
            // The owner may stop in the middle, and go on after the bytes are gone.
            while (random() % 4 != 0)
            {
                const auto text = random() % 2 == 0 ? pieces.nextWholeText() : std::nullopt;
                const auto event = text ? TextReceived{*text} : pieces.nextEvent();
                if (!event) break;
                events.push_back(describe(*event));
            }
            pieces.retain();
        }
        for (auto& rest : receive(pieces, {})) events.push_back(std::move(rest));
        REQUIRE(events == expected);
        REQUIRE(pieces.takeOutput() == expectedOutput);
    }
}

TEST_CASE("random bytes end in a failure, or want more, in either role")
{
    std::mt19937 random(6);
    for (int round = 0; round < 20'000; ++round)
    {
        std::string bytes(random() % 64, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        const bool asServer = random() % 2 == 0;
        Protocol protocol(asServer ? Role::server : Role::client, defaults, &masks);
        const auto events = receive(protocol, bytes);
        for (const auto& event : events) REQUIRE_FALSE(event.empty());
    }
}

TEST_CASE("what is received beside a pause is kept, and comes in order afterwards")
{
    Protocol server(Role::server, defaults);
    std::string first =
        toServer(Opcode::text, "1") + toServer(Opcode::text, "2") + toServer(Opcode::text, "3").substr(0, 3);
    server.receive(std::as_writable_bytes(std::span(first)));
    CHECK(describe(*server.nextEvent()) == "text 1");
    server.retain();
    CHECK(server.hasRetained());
    first.assign(first.size(), '\xFF');
    std::string second = toServer(Opcode::text, "3").substr(3);
    server.receive(std::as_writable_bytes(std::span(second)));
    CHECK(describe(*server.nextEvent()) == "text 2");
    server.retain();
    second.assign(second.size(), '\xFF');
    CHECK(receive(server, {}) == Events{"text 3"});
    CHECK_FALSE(server.hasRetained());
}
