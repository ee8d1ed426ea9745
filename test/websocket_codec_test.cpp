#include "websocket/frame.hpp"
#include "websocket/mask.hpp"
#include "websocket/utf8.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace strandcast;

namespace
{

std::vector<std::byte> bytesOf(std::initializer_list<int> values)
{
    std::vector<std::byte> bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

std::span<const std::byte> asBytes(std::string_view text)
{
    return std::as_bytes(std::span(text));
}

std::vector<std::byte> encoded(const FrameHeader& header)
{
    std::array<std::byte, maxFrameHeaderSize> out;
    const auto size = encodeFrameHeader(header, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string_view errorOf(std::initializer_list<int> values)
{
    const auto bytes = bytesOf(values);
    const auto decoded = decodeFrameHeader(bytes);
    const auto* const error = std::get_if<FrameError>(&decoded);
    return error ? error->what : "none";
}

/// RFC 3629's grammar (section 4), byte by byte, in the plainest way.
bool isUtf8ByTheGrammar(std::string_view text)
{
    const auto at = [&](std::size_t index) -> int
    { return index < text.size() ? static_cast<unsigned char>(text[index]) : -1; };
    const auto tail = [&](std::size_t index) { return at(index) >= 0x80 && at(index) <= 0xBF; };
    const auto in = [&](std::size_t index, int low, int high)
    { return at(index) >= low && at(index) <= high; };
    for (std::size_t i = 0; i < text.size();)
    {
        if (in(i, 0x00, 0x7F))
            i += 1;
        else if (in(i, 0xC2, 0xDF) && tail(i + 1))
            i += 2;
        else if (at(i) == 0xE0 && in(i + 1, 0xA0, 0xBF) && tail(i + 2))
            i += 3;
        else if (in(i, 0xE1, 0xEC) && tail(i + 1) && tail(i + 2))
            i += 3;
        else if (at(i) == 0xED && in(i + 1, 0x80, 0x9F) && tail(i + 2))
            i += 3;
        else if (in(i, 0xEE, 0xEF) && tail(i + 1) && tail(i + 2))
            i += 3;
        else if (at(i) == 0xF0 && in(i + 1, 0x90, 0xBF) && tail(i + 2) && tail(i + 3))
            i += 4;
        else if (in(i, 0xF1, 0xF3) && tail(i + 1) && tail(i + 2) && tail(i + 3))
            i += 4;
        else if (at(i) == 0xF4 && in(i + 1, 0x80, 0x8F) && tail(i + 2) && tail(i + 3))
            i += 4;
        else
            return false;
    }
    return true;
}

}  // namespace

TEST_CASE("the RFC's own examples of frames are read and written as it shows them")
{
    // RFC 6455, section 5.7.
    CHECK(encoded({.opcode = Opcode::text, .payloadSize = 5}) == bytesOf({0x81, 0x05}));
    CHECK(encoded({.opcode = Opcode::text,
                   .mask = Mask{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}},
                   .payloadSize = 5}) == bytesOf({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d}));
    CHECK(encoded({.fin = false, .opcode = Opcode::text, .payloadSize = 3}) == bytesOf({0x01, 0x03}));
    CHECK(encoded({.opcode = Opcode::continuation, .payloadSize = 2}) == bytesOf({0x80, 0x02}));
    CHECK(encoded({.opcode = Opcode::binary, .payloadSize = 256}) == bytesOf({0x82, 0x7E, 0x01, 0x00}));
    CHECK(encoded({.opcode = Opcode::binary, .payloadSize = 65536}) ==
          bytesOf({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));

    auto masked = bytesOf({0x7f, 0x9f, 0x4d, 0x51, 0x58});
    applyMask(masked, {std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}});
    CHECK(std::string(reinterpret_cast<const char*>(masked.data()), masked.size()) == "Hello");
}

TEST_CASE("every header that is written is read again, and each of its beginnings needs more")
{
    std::mt19937_64 random(1);
    constexpr std::array opcodes = {Opcode::continuation, Opcode::text, Opcode::binary,
                                    Opcode::close,        Opcode::ping, Opcode::pong};
    for (int round = 0; round < 20'000; ++round)
    {
        FrameHeader header;
        header.opcode = opcodes[random() % opcodes.size()];
        const bool control = isControl(header.opcode);
        header.fin = control || random() % 2 == 0;
        header.rsv1 = random() % 2 == 0;
        header.rsv2 = random() % 2 == 0;
        header.rsv3 = random() % 2 == 0;
        if (random() % 2 == 0) header.mask = makeMask(static_cast<std::uint32_t>(random()));
        // Around each border between the forms of a length.
        constexpr std::array<std::uint64_t, 7> sizes = {0, 125, 126, 127, 65535, 65536, (1ULL << 63) - 1};
        header.payloadSize = control             ? random() % 126
                             : random() % 3 == 0 ? random() >> (1 + random() % 63)
                                                 : sizes[random() % sizes.size()];

        const auto bytes = encoded(header);
        const auto decoded = decodeFrameHeader(bytes);
        REQUIRE(std::holds_alternative<DecodedFrameHeader>(decoded));
        CHECK(std::get<DecodedFrameHeader>(decoded).header == header);
        CHECK(std::get<DecodedFrameHeader>(decoded).size == bytes.size());
        for (std::size_t size = 0; size < bytes.size(); ++size)
            CHECK(std::holds_alternative<NeedMore>(decodeFrameHeader(std::span(bytes).first(size))));
    }
}

TEST_CASE("a header that the RFC forbids is an error as soon as its bytes are there")
{
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15})
        CHECK(errorOf({0x80 | opcode}) == "Unknown opcode");
    for (const int opcode : {8, 9, 10})
    {
        CHECK(errorOf({opcode}) == "Fragmented control frame");
        CHECK(errorOf({0x80 | opcode, 126}) == "Control frame over 125 bytes");
        CHECK(errorOf({0x80 | opcode, 127}) == "Control frame over 125 bytes");
    }
    CHECK(errorOf({0x81, 126, 0, 125}) == "Length not in its shortest form");
    CHECK(errorOf({0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}) == "Length not in its shortest form");
    CHECK(errorOf({0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}) == "Length out of range");
}

TEST_CASE("a whole text is known at once exactly where its header says that it is one, and it is all there")
{
    // Every first byte, every second one, and lengths around those where their form changes.
    std::size_t found = 0;
    for (int first = 0; first < 256; ++first)
        for (int second = 0; second < 256; ++second)
            for (const std::size_t extended : {0u, 1u, 125u, 126u, 127u, 300u})
                for (const std::size_t there :
                     {0u, 1u, 2u, 3u, 4u, 8u, 125u, 130u, 131u, 135u, 303u, 304u, 307u, 308u, 400u})
                {
                    std::vector<std::byte> bytes(there);
                    const auto put = [&](std::size_t at, std::size_t value)
                    {
                        if (at < bytes.size()) bytes[at] = static_cast<std::byte>(value);
                    };
                    put(0, static_cast<std::size_t>(first));
                    put(1, static_cast<std::size_t>(second));
                    put(2, extended >> 8);
                    put(3, extended & 0xFF);
                    const auto decoded = decodeFrameHeader(bytes);
                    const auto* const frame = std::get_if<DecodedFrameHeader>(&decoded);
                    for (const bool isMasked : {false, true})
                    {
                        const bool isWhole =
                            frame && there >= frame->size + frame->header.payloadSize &&
                            frame->header == FrameHeader{.mask = frame->header.mask,
                                                         .payloadSize = frame->header.payloadSize} &&
                            frame->header.mask.has_value() == isMasked &&
                            frame->header.payloadSize <= 0xFFFF && (second & 0x7F) != 127;
                        const auto whole = decodeWholeText(bytes, isMasked);
                        bool isRight = whole.has_value() == isWhole;
                        if (whole && isWhole)
                            isRight = whole->headerSize == frame->size &&
                                      whole->payloadSize == frame->header.payloadSize;
                        if (!isRight) FAIL("bytes ", first, " ", second, " of ", there);
                        found += whole.has_value() ? 1 : 0;
                    }
                }
    CHECK(found > 1'000);
}

TEST_CASE("masking is what the RFC's formula says, at every offset and alignment, and undoes itself")
{
    std::mt19937 random(2);
    std::vector<std::byte> storage(300);
    for (int round = 0; round < 3'000; ++round)
    {
        for (auto& byte : storage) byte = static_cast<std::byte>(random());
        const auto mask = makeMask(static_cast<std::uint32_t>(random()));
        const auto offset = random() % 9;
        const auto bytes = std::span(storage).subspan(random() % 17, random() % 270);
        auto expected = std::vector<std::byte>(bytes.begin(), bytes.end());
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] ^= mask[(offset + i) % 4];

        const auto before = std::vector<std::byte>(bytes.begin(), bytes.end());
        applyMask(bytes, mask, offset);
        REQUIRE(std::equal(bytes.begin(), bytes.end(), expected.begin()));
        applyMask(bytes, mask, offset);
        REQUIRE(std::equal(bytes.begin(), bytes.end(), before.begin()));
    }
}

TEST_CASE("UTF-8 is what RFC 3629's grammar says, for all sequences of four bytes that matter")
{
    // One byte from each side of every border in the grammar.
    constexpr std::array borders = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                    0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
    std::size_t valid = 0;
    for (const int a : borders)
        for (const int b : borders)
            for (const int c : borders)
                for (const int d : borders)
                {
                    const std::string text = {static_cast<char>(a), static_cast<char>(b),
                                              static_cast<char>(c), static_cast<char>(d)};
                    const bool expected = isUtf8ByTheGrammar(text);
                    if (isUtf8(asBytes(text)) != expected)
                        FAIL("wrong about " << a << ' ' << b << ' ' << c << ' ' << d);
                    valid += expected ? 1 : 0;
                }
    CHECK(valid > 100);
}

TEST_CASE("UTF-8 is judged alike in one piece and split anywhere, also beside long runs of ASCII")
{
    std::mt19937 random(3);
    for (int round = 0; round < 5'000; ++round)
    {
        std::string text(random() % 70, 'a');
        constexpr std::array<std::string_view, 6> pieces = {
            "é", "世", "🌍", "\xED\xA0\x80", "\xC3", "\xF4\x8F\xBF\xBF"};
        for (auto count = random() % 3; count > 0; --count)
            text.insert(random() % (text.size() + 1), pieces[random() % pieces.size()]);
        const auto split = random() % (text.size() + 1);
        Utf8Validator validator;
        const bool accepted = validator.accept(asBytes(text.substr(0, split))) &&
                              validator.accept(asBytes(text.substr(split))) && validator.isComplete();
        REQUIRE(accepted == isUtf8ByTheGrammar(text));
        REQUIRE(isUtf8(asBytes(text)) == isUtf8ByTheGrammar(text));
    }
}

TEST_CASE("UTF-8 fails at the first byte that cannot be, not at the end of the text")
{
    Utf8Validator validator;
    CHECK(validator.accept(asBytes("abc\xE4\xB8")));
    CHECK_FALSE(validator.isComplete());
    CHECK_FALSE(validator.accept(asBytes("x")));
    Utf8Validator surrogate;
    CHECK(surrogate.accept(asBytes("\xED")));
    CHECK_FALSE(surrogate.accept(asBytes("\xA0")));
}
