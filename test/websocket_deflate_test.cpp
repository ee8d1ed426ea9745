#include "websocket/deflate_negotiation.hpp"
#include "websocket/deflater.hpp"
#include "websocket/inflater.hpp"
#include "websocket/protocol.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace strandcast;

namespace
{

constexpr DeflateContext withContext{15, true};
const ProtocolLimits defaultLimits;
constexpr DeflateContext withoutContext{15, false};

std::string bytesOf(std::initializer_list<int> values)
{
    std::string bytes;
    for (const int value : values) bytes += static_cast<char>(value);
    return bytes;
}

std::string compressed(Deflater& deflater, std::string_view text)
{
    const auto bytes = deflater.deflate(std::as_bytes(std::span(text)));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string inflated(Inflater& inflater, const std::string& bytes)
{
    std::string out;
    REQUIRE(inflater.inflate(std::as_bytes(std::span(bytes)), out, 1 << 26) == Inflater::Outcome::ok);
    REQUIRE(inflater.endMessage(out, 1 << 26) == Inflater::Outcome::ok);
    return out;
}

/// A frame of a server.
std::string frame(std::string_view payload, bool rsv1 = true, bool fin = true, Opcode opcode = Opcode::text)
{
    std::array<std::byte, maxFrameHeaderSize> encoded;
    const auto size = encodeFrameHeader(
        {.fin = fin, .rsv1 = rsv1, .opcode = opcode, .payloadSize = payload.size()}, encoded);
    return std::string(reinterpret_cast<const char*>(encoded.data()), size).append(payload);
}

struct FixedMask final : MaskSource
{
    std::uint32_t nextMask() override { return 0x5A17C3E9; }
} masks;

std::string describe(const ProtocolEvent& event)
{
    if (const auto* const text = std::get_if<TextReceived>(&event)) return std::string(text->text);
    if (const auto* const failed = std::get_if<ProtocolFailed>(&event))
        return std::to_string(static_cast<int>(failed->reason.code)) + ' ' + failed->reason.text;
    return "something else";
}

/// What a client says to these bytes, given in pieces of `step`: its last event.
std::string clientOn(Protocol& client, std::string bytes, std::size_t step)
{
    std::string last = "nothing";
    for (std::size_t at = 0; at < bytes.size(); at += step)
    {
        auto piece = bytes.substr(at, step);
        client.receive(std::as_writable_bytes(std::span(piece)));
        while (const auto event = client.nextEvent()) last = describe(*event);
        client.retain();
    }
    return last;
}

std::string clientOn(const std::string& bytes, const DeflateContext& context = withContext,
                     const ProtocolLimits& limits = {})
{
    std::string whole;
    for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{3}})
    {
        Protocol client(Role::client, limits, &masks);
        client.inflate(context);
        const auto said = clientOn(client, bytes, step);
        if (!whole.empty()) CHECK(said == whole);
        whole = said;
    }
    return whole;
}

std::vector<Extension> extensions(std::string_view value)
{
    HttpHead head;
    head.headers.push_back({"Sec-WebSocket-Extensions", std::string(value)});
    return readExtensions(head).value();
}

std::string answerTo(std::string_view offers, const DeflateOptions& options = {})
{
    const auto accepted = acceptDeflate(extensions(offers), options);
    return accepted ? accepted->answer : "declined";
}

std::string judged(std::string_view answer, const DeflateOptions& options = {})
{
    const auto read = readDeflateAnswer(extensions(answer), options);
    if (const auto* const wrong = std::get_if<std::string>(&read)) return *wrong;
    const auto& agreed = std::get<std::optional<DeflateParameters>>(read);
    if (!agreed) return "declined";
    return std::to_string(agreed->server.windowBits) + (agreed->server.takeover ? "+" : "") + ' ' +
           std::to_string(agreed->client.windowBits) + (agreed->client.takeover ? "+" : "");
}

std::string randomText(std::mt19937& random, std::size_t size, int alphabet)
{
    std::string text;
    for (std::size_t at = 0; at < size; ++at)
        text += static_cast<char>('a' + random() % static_cast<unsigned>(alphabet));
    return text;
}

}  // namespace

TEST_CASE("RFC 7692, 7.2.3: the RFC's own examples of compressed messages are read as it shows them")
{
    const auto hello = bytesOf({0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
    CHECK(clientOn(hello) == "Hello");
    CHECK(clientOn(bytesOf({0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00})) == "Hello");
    CHECK(clientOn(hello + bytesOf({0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00})) == "Hello");
    CHECK(clientOn(bytesOf({0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00})) ==
          "Hello");
    CHECK(clientOn(bytesOf({0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})) == "Hello");
    CHECK(clientOn(bytesOf({0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9,
                            0x07, 0x00})) == "Hello");
    CHECK(clientOn(bytesOf({0xc1, 0x01, 0x00})).empty());
}

TEST_CASE("RFC 7692, 7.2.3.2: a message may refer to those before it, but not without context takeover")
{
    const auto first = bytesOf({0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
    const auto second = first + bytesOf({0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00});
    CHECK(clientOn(second) == "Hello");
    CHECK(clientOn(second, withoutContext) == "1007 Compressed data that does not inflate");
}

TEST_CASE("RFC 7692, 7.2.3.4: a context outlives a block that says that it is the last")
{
    const auto last = bytesOf({0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00});
    CHECK(clientOn(last + bytesOf({0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00})) == "Hello");
}

TEST_CASE("RFC 7692, 6.1: a message that is not compressed comes as it is, between those that are")
{
    const auto hello = bytesOf({0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
    CHECK(clientOn(hello + frame("plain", false)) == "plain");
    CHECK(clientOn(frame("plain", false) + hello) == "Hello");
}

TEST_CASE("RFC 7692, 6: the bit in a control frame or a continuation is a protocol error")
{
    const std::string expected = "1002 Reserved bits without an extension";
    CHECK(clientOn(frame("", true, true, Opcode::ping)) == expected);
    CHECK(clientOn(frame("", true, true, Opcode::close)) == expected);
    CHECK(clientOn(frame("a", false, false) + frame("b", true, true, Opcode::continuation)) == expected);
    Protocol client(Role::client, defaultLimits, &masks);
    CHECK(clientOn(client, frame("a"), 100) == expected);  // not negotiated
}

TEST_CASE("compressed data that is none, or ends within a block, is 1007")
{
    const std::string expected = "1007 Compressed data that does not inflate";
    CHECK(clientOn(frame(bytesOf({0x06, 0xFF, 0xFF}))) == expected);
    CHECK(clientOn(frame("")) == expected);
    CHECK(clientOn(frame(bytesOf({0xf2, 0x48, 0xcd}))) == expected);
    CHECK(clientOn(frame(bytesOf({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07}))) == expected);
}

TEST_CASE("a text that is not UTF-8 once inflated is 1007 at its first wrong byte, before its frame's end")
{
    Deflater deflater(withContext, {.minSize = 1});
    const auto wrong = compressed(deflater, std::string(50'000, 'a') + "\xC0" + std::string(50'000, 'b'));
    auto bytes = frame(wrong + std::string(1000, '\0'));
    bytes.resize(bytes.size() - 900);
    CHECK(clientOn(bytes) == "1007 Not UTF-8");
    Deflater other(withContext, {.minSize = 1});
    CHECK(clientOn(frame(compressed(other, "\xE2\x82"))) == "1007 Not UTF-8");
}

TEST_CASE("every text comes back, over every window, with and without context, however it is cut")
{
    std::mt19937 random(7);
    for (int bits = 8; bits <= 15; ++bits)
        for (const bool takeover : {false, true})
        {
            const DeflateContext context{static_cast<std::uint8_t>(bits), takeover};
            Deflater deflater(context, {.minSize = 0});
            Inflater inflater(context);
            for (int count = 0; count < 40; ++count)
            {
                const auto text = randomText(random, random() % 70'000 + 100, 2 + count % 20);
                const auto bytes = compressed(deflater, text);
                REQUIRE(!bytes.empty());
                REQUIRE(bytes.size() < text.size());
                CHECK(inflated(inflater, bytes) == text);
            }
        }
}

TEST_CASE("what is small, or gets no smaller, goes as it is; but not where the next message may refer to it")
{
    std::mt19937 random(7);
    std::string noise;
    for (int count = 0; count < 5'000; ++count) noise += static_cast<char>(random());
    Deflater deflater(withoutContext, {.minSize = 256});
    CHECK(compressed(deflater, std::string(255, 'a')).empty());
    CHECK(!compressed(deflater, std::string(256, 'a')).empty());
    CHECK(compressed(deflater, noise).empty());
    Deflater keeping(withContext, {.minSize = 256});
    Inflater inflater(withContext);
    CHECK(inflated(inflater, compressed(keeping, noise)) == noise);
    CHECK(compressed(keeping, noise).size() < noise.size() / 10);
}

TEST_CASE("a bomb is 1009 at the limit, with no more than the limit held")
{
    Deflater deflater(withoutContext, {.minSize = 1, .level = 9});
    const std::string zeros(64 * 1024 * 1024, '\0');
    const auto bomb = compressed(deflater, zeros);
    REQUIRE(bomb.size() < 100'000);
    const ProtocolLimits limits{.maxMessageSize = 100'000};
    Protocol client(Role::client, limits, &masks);
    client.inflate(withoutContext);
    // A tenth of it is enough, and most of that is not looked at.
    CHECK(clientOn(client, frame(bomb).substr(0, bomb.size() / 10), 1'000'000) == "1009 Message too large");

    Inflater inflater(withoutContext);
    std::string out;
    CHECK(inflater.inflate(std::as_bytes(std::span(bomb)), out, 100'000) == Inflater::Outcome::tooLarge);
    CHECK(out.size() == 100'001);
}

TEST_CASE("a message that inflates to the limit passes, and to one byte more does not")
{
    Deflater deflater(withoutContext, {.minSize = 1});
    const ProtocolLimits limits{.maxMessageSize = 70'000};
    const std::string most(70'000, 'x');
    CHECK(clientOn(frame(compressed(deflater, most)), withoutContext, limits) == most);
    CHECK(clientOn(frame(compressed(deflater, most + 'x')), withoutContext, limits) ==
          "1009 Message too large");
}

TEST_CASE("what inflates to nothing is bounded by what it takes on the wire")
{
    const ProtocolLimits limits{.maxMessageSize = 8'000};
    std::string nothing;  // empty blocks
    while (nothing.size() < 9'000) nothing += bytesOf({0x00, 0x00, 0x00, 0xff, 0xff});
    CHECK(clientOn(frame(nothing + '\0'), withoutContext, limits).empty());
    CHECK(clientOn(frame(nothing, true, false) + frame(nothing + '\0', false, true, Opcode::continuation),
                   withoutContext, limits) == "1009 Message too large");
}

TEST_CASE("between messages an inflater holds memory only where they refer to each other")
{
    Deflater deflater(withoutContext, {.minSize = 1});
    const auto bytes = frame(compressed(deflater, std::string(100'000, 'x')));
    for (const bool takeover : {false, true})
    {
        Protocol client(Role::client, defaultLimits, &masks);
        client.inflate({15, takeover});
        static_cast<void>(clientOn(client, bytes, 1000));
        CHECK((client.heldBytes() > 100) == takeover);
        CHECK(client.heldBytes() < 50'000);
    }
}

TEST_CASE("random bytes in compressed frames inflate to something or end in a failure")
{
    std::mt19937 random(11);
    for (int count = 0; count < 2'000; ++count)
    {
        std::string noise;
        for (auto size = random() % 200; size > 0; --size) noise += static_cast<char>(random());
        const auto said = clientOn(frame(noise), {static_cast<std::uint8_t>(8 + random() % 8), true});
        CHECK(!said.starts_with("1002"));
    }
}

TEST_CASE(
    "RFC 6455, 9.1: extensions are read by their grammar, over all fields, and what breaks it is refused")
{
    using Parameters = std::vector<Extension::Parameter>;
    CHECK(extensions("a; b=1; c, d; e=\"f\" ,, g") ==
          std::vector<Extension>{
              {"a", Parameters{{"b", "1"}, {"c", std::nullopt}}}, {"d", Parameters{{"e", "f"}}}, {"g", {}}});
    CHECK(extensions("a; b=\"1\\0\"") == std::vector<Extension>{{"a", Parameters{{"b", "10"}}}});
    for (const char* const wrong : {"a;", "a; b=", ";", "a b", "a; b=\"", "a; b=\"\"", "a; b=\"c d\"", "=",
                                    "a=1", "a; =1", "a; b=\"c\\"})
    {
        CAPTURE(wrong);
        HttpHead head;
        head.headers.push_back({"sec-websocket-extensions", wrong});
        CHECK_FALSE(readExtensions(head));
    }
}

TEST_CASE("RFC 7692, 7.1: a server accepts what it can of the offers, and says what holds")
{
    const std::string basic = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    CHECK(answerTo("permessage-deflate") == basic);
    CHECK(answerTo("permessage-deflate; client_max_window_bits") == basic);
    CHECK(answerTo("permessage-deflate; client_max_window_bits=10") == basic + "; client_max_window_bits=10");
    CHECK(answerTo("permessage-deflate; client_max_window_bits", {.maxWindowBits = 12}) ==
          basic + "; client_max_window_bits=12");
    CHECK(answerTo("permessage-deflate", {.maxWindowBits = 12}) == basic);  // it could not be understood
    CHECK(answerTo("permessage-deflate; server_max_window_bits=15") == basic + "; server_max_window_bits=15");
    CHECK(answerTo("permessage-deflate; server_max_window_bits=14") == basic + "; server_max_window_bits=9");
    CHECK(answerTo("permessage-deflate; server_max_window_bits=\"8\"") ==
          basic + "; server_max_window_bits=8");
    CHECK(answerTo("permessage-deflate", {.contextTakeover = true}) ==
          "permessage-deflate; server_no_context_takeover");
    CHECK(answerTo("permessage-deflate; client_no_context_takeover", {.contextTakeover = true}) == basic);
}

TEST_CASE("RFC 7692, 7.1: an offer that cannot be is declined, and the next one is looked at")
{
    for (const char* const wrong :
         {"x-webkit-deflate-frame", "permessage-deflate; unknown",
          "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
          "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=09",
          "permessage-deflate; client_max_window_bits=", "permessage-deflate; server_no_context_takeover=1",
          "permessage-deflate; client_no_context_takeover=\"a\"",
          "permessage-deflate; client_max_window_bits; client_max_window_bits=10"})
    {
        CAPTURE(wrong);
        if (std::string_view(wrong).ends_with('=')) continue;  // breaks the grammar, see above
        CHECK(answerTo(wrong) == "declined");
        CHECK(answerTo(std::string(wrong) + ", permessage-deflate").starts_with("permessage-deflate;"));
    }
    CHECK(answerTo("") == "declined");
}

TEST_CASE("RFC 7692, 7.1: a client offers what its options say, and a server that accepts it answers right")
{
    for (const bool takeover : {false, true})
        for (const int bits : {8, 9, 12, 15})
            for (const bool serverTakeover : {false, true})
            {
                const DeflateOptions options{.contextTakeover = takeover, .maxWindowBits = bits};
                const auto accepted = acceptDeflate(extensions(deflateOffer(options)),
                                                    {.contextTakeover = serverTakeover, .maxWindowBits = 11});
                REQUIRE(accepted);
                const auto read = readDeflateAnswer(extensions(accepted->answer), options);
                REQUIRE(std::holds_alternative<std::optional<DeflateParameters>>(read));
                CHECK(std::get<std::optional<DeflateParameters>>(read) == accepted->parameters);
                CHECK(accepted->parameters.client == DeflateContext{11, takeover && serverTakeover});
                CHECK(accepted->parameters.server.windowBits <= bits);
            }
}

TEST_CASE("RFC 7692, 7.1: a client fails on an answer to what it did not offer")
{
    const std::string none = "; server_no_context_takeover";
    CHECK(judged("") == "declined");
    CHECK(judged("permessage-deflate" + none) == "15 15");
    CHECK(judged("permessage-deflate; client_max_window_bits=9; server_max_window_bits=10" + none) == "10 9");
    CHECK(judged("permessage-deflate", {.contextTakeover = true}) == "15+ 15+");
    CHECK(judged("permessage-deflate; client_no_context_takeover", {.contextTakeover = true}) == "15+ 15");
    CHECK(judged("permessage-deflate") ==
          "the server insists on a context between its messages, which was not offered");
    CHECK(judged("permessage-deflate" + none, {.maxWindowBits = 10}) ==
          "the server's window is larger than was offered");
    CHECK(judged("permessage-deflate; server_max_window_bits=11" + none, {.maxWindowBits = 10}) ==
          "the server's window is larger than was offered");
    for (const char* const wrong : {"; unknown", "; client_max_window_bits", "; server_max_window_bits=7",
                                    "; server_max_window_bits", "; server_no_context_takeover"})
        CHECK(judged("permessage-deflate" + none + wrong) ==
              "the server's permessage-deflate has parameters that it cannot have");
    CHECK(judged("other") == "the server uses an extension that was not asked for");
    CHECK(judged("permessage-deflate" + none + ", permessage-deflate" + none) ==
          "the server uses an extension that was not asked for");
}
