#include "websocket/frame.hpp"

#include <algorithm>

namespace strandcast
{

namespace
{

constexpr std::uint8_t finBit = 0x80;
constexpr std::uint8_t rsv1Bit = 0x40;
constexpr std::uint8_t rsv2Bit = 0x20;
constexpr std::uint8_t rsv3Bit = 0x10;
constexpr std::uint8_t maskBit = 0x80;
constexpr std::uint8_t length16 = 126;
constexpr std::uint8_t length64 = 127;

bool isKnown(std::uint8_t opcode)
{
    return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

std::uint8_t byteAt(std::span<const std::byte> bytes, std::size_t index)
{
    return static_cast<std::uint8_t>(bytes[index]);
}

std::uint64_t bigEndian(std::span<const std::byte> bytes)
{
    std::uint64_t value = 0;
    for (const auto byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
    return value;
}

}  // namespace

std::size_t encodeFrameHeader(const FrameHeader& header,
                              std::span<std::byte, maxFrameHeaderSize> out) noexcept
{
    const auto put = [&](std::size_t at, std::uint64_t value)
    { out[at] = static_cast<std::byte>(value & 0xFF); };
    put(0, (header.fin ? finBit : 0U) | (header.rsv1 ? rsv1Bit : 0U) | (header.rsv2 ? rsv2Bit : 0U) |
               (header.rsv3 ? rsv3Bit : 0U) | static_cast<std::uint8_t>(header.opcode));
    const std::uint8_t masked = header.mask ? maskBit : 0;
    std::size_t lengthBytes = 0;
    if (header.payloadSize < length16)
    {
        put(1, masked | header.payloadSize);
    }
    else
    {
        lengthBytes = header.payloadSize <= 0xFFFF ? 2 : 8;
        put(1, masked | (lengthBytes == 2 ? length16 : length64));
        for (std::size_t index = 0; index < lengthBytes; ++index)
            put(2 + index, header.payloadSize >> (8 * (lengthBytes - 1 - index)));
    }
    auto size = 2 + lengthBytes;
    if (!header.mask) return size;
    std::copy(header.mask->begin(), header.mask->end(), out.begin() + static_cast<std::ptrdiff_t>(size));
    return size + header.mask->size();
}

std::variant<NeedMore, DecodedFrameHeader, FrameError>
decodeFrameHeader(std::span<const std::byte> bytes) noexcept
{
    if (bytes.empty()) return NeedMore();
    const auto first = byteAt(bytes, 0);
    if (!isKnown(first & 0x0F)) return FrameError{"Unknown opcode"};
    FrameHeader header{.fin = (first & finBit) != 0,
                       .rsv1 = (first & rsv1Bit) != 0,
                       .rsv2 = (first & rsv2Bit) != 0,
                       .rsv3 = (first & rsv3Bit) != 0,
                       .opcode = static_cast<Opcode>(first & 0x0F)};
    if (isControl(header.opcode) && !header.fin) return FrameError{"Fragmented control frame"};
    if (bytes.size() < 2) return NeedMore();

    const auto second = byteAt(bytes, 1);
    const bool masked = (second & maskBit) != 0;
    const std::uint8_t length = second & 0x7F;
    if (isControl(header.opcode) && length > maxControlPayloadSize)
        return FrameError{"Control frame over 125 bytes"};
    const std::size_t lengthBytes = length == length16 ? 2 : length == length64 ? 8 : 0;
    if (lengthBytes > 0 && bytes.size() < 2 + lengthBytes) return NeedMore();
    header.payloadSize = lengthBytes == 0 ? length : bigEndian(bytes.subspan(2, lengthBytes));
    // Section 5.2: "the minimal number of bytes MUST be used", and the top bit of a long length is 0.
    if ((lengthBytes == 2 && header.payloadSize < length16) ||
        (lengthBytes == 8 && header.payloadSize <= 0xFFFF))
        return FrameError{"Length not in its shortest form"};
    if ((header.payloadSize >> 63) != 0) return FrameError{"Length out of range"};

    auto size = 2 + lengthBytes;
    if (masked)
    {
        if (bytes.size() < size + sizeof(Mask)) return NeedMore();
        header.mask.emplace();
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(size), sizeof(Mask), header.mask->begin());
        size += sizeof(Mask);
    }
    return DecodedFrameHeader{header, size};
}

std::optional<WholeText> decodeWholeText(std::span<const std::byte> bytes, bool isMasked) noexcept
{
    constexpr std::uint8_t first = finBit | static_cast<std::uint8_t>(Opcode::text);
    if (bytes.size() < 2 || byteAt(bytes, 0) != first) return std::nullopt;
    const auto second = byteAt(bytes, 1);
    if (((second & maskBit) != 0) != isMasked) return std::nullopt;
    WholeText text{.headerSize = 2, .payloadSize = static_cast<std::size_t>(second & 0x7F)};
    if (text.payloadSize == length16)
    {
        if (bytes.size() < 4) return std::nullopt;
        text = {.headerSize = 4,
                .payloadSize = static_cast<std::size_t>(byteAt(bytes, 2)) << 8 | byteAt(bytes, 3)};
        if (text.payloadSize < length16) return std::nullopt;
    }
    else if (text.payloadSize > length16)
    {
        return std::nullopt;
    }
    if (isMasked) text.headerSize += sizeof(Mask);
    if (bytes.size() < text.headerSize + text.payloadSize) return std::nullopt;
    return text;
}

}  // namespace strandcast
