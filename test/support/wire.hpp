#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Frames as RFC 6455, section 5.2, draws them, written down a second time: what the tests compare the
/// library with. Bytes are characters here.
namespace wire
{

enum Opcode : unsigned
{
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

struct Frame
{
    unsigned opcode = text;
    std::string payload = {};
    bool fin = true;
    bool rsv1 = false;

    friend bool operator==(const Frame&, const Frame&) = default;
};

inline constexpr std::string_view mask = "\x37\xfa\x21\x3d";

inline std::string header(unsigned opcode, std::size_t size, bool masked, bool fin = true)
{
    std::string out;
    out += static_cast<char>((fin ? 0x80U : 0U) | opcode);
    const unsigned maskBit = masked ? 0x80U : 0U;
    const auto putBytes = [&](int count)
    {
        for (int byte = count - 1; byte >= 0; --byte)
            out += static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * byte) & 0xFF);
    };
    if (size < 126)
        out += static_cast<char>(maskBit | size);
    else if (size < 65536)
        out += static_cast<char>(maskBit | 126U), putBytes(2);
    else
        out += static_cast<char>(maskBit | 127U), putBytes(8);
    return out;
}

inline std::string unmasked(unsigned opcode, std::string_view payload, bool fin = true)
{
    return header(opcode, payload.size(), false, fin) + std::string(payload);
}

inline std::string masked(unsigned opcode, std::string_view payload, bool fin = true)
{
    auto out = header(opcode, payload.size(), true, fin) + std::string(mask);
    for (std::size_t index = 0; index < payload.size(); ++index)
        out += static_cast<char>(payload[index] ^ mask[index % 4]);
    return out;
}

/// A Close's payload.
inline std::string closePayload(unsigned code, std::string_view reason = {})
{
    std::string out;
    out += static_cast<char>(code >> 8);
    out += static_cast<char>(code & 0xFF);
    return out += reason;
}

/// Takes the first whole frame out of `bytes`, unmasked; nothing where there is none yet.
inline std::optional<Frame> takeFrame(std::string& bytes)
{
    const auto at = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
    if (bytes.size() < 2) return std::nullopt;
    std::size_t place = 2;
    std::uint64_t size = at(1) & 0x7FU;
    if (const int count = size == 126 ? 2 : size == 127 ? 8 : 0; count > 0)
    {
        if (bytes.size() < place + static_cast<std::size_t>(count)) return std::nullopt;
        size = 0;
        for (int byte = 0; byte < count; ++byte) size = size << 8 | at(place++);
    }
    const bool isMasked = (at(1) & 0x80U) != 0;
    const auto maskPlace = place;
    if (isMasked) place += 4;
    if (bytes.size() < place + size) return std::nullopt;
    Frame frame{at(0) & 0xFU, bytes.substr(place, static_cast<std::size_t>(size)), (at(0) & 0x80U) != 0,
                (at(0) & 0x40U) != 0};
    if (isMasked)
        for (std::size_t index = 0; index < frame.payload.size(); ++index)
            frame.payload[index] = static_cast<char>(frame.payload[index] ^ bytes[maskPlace + index % 4]);
    bytes.erase(0, place + static_cast<std::size_t>(size));
    return frame;
}

/// The code of a Close; 1005 where it has none.
inline unsigned closeCode(const Frame& frame)
{
    if (frame.payload.size() < 2) return 1005;
    return static_cast<unsigned char>(frame.payload[0]) * 256U + static_cast<unsigned char>(frame.payload[1]);
}

}  // namespace wire
