#pragma once

#include "websocket/mask.hpp"
#include "websocket/opcode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace strandcast
{

/// The header of a frame (RFC 6455, section 5.2).
struct FrameHeader
{
    bool fin = true;
    bool rsv1 = false;
    bool rsv2 = false;
    bool rsv3 = false;
    Opcode opcode = Opcode::text;
    std::optional<Mask> mask = {};
    std::uint64_t payloadSize = 0;

    friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

inline constexpr std::size_t maxFrameHeaderSize = 14;
inline constexpr std::size_t maxControlPayloadSize = 125;  // section 5.5

/// Writes a header with the shortest form of its length, and tells how many bytes it took.
std::size_t encodeFrameHeader(const FrameHeader& header,
                              std::span<std::byte, maxFrameHeaderSize> out) noexcept;

struct DecodedFrameHeader
{
    FrameHeader header;
    std::size_t size = 0;  ///< of the header itself
};

/// More bytes are needed.
struct NeedMore
{
};

/// The bytes are no header: a text for people, that a Close may carry.
struct FrameError
{
    std::string_view what;
};

/// Reads the header at the front of `bytes`, and judges all that a header alone can break. An error shows as
/// soon as the bytes that hold it are there.
[[nodiscard]] std::variant<NeedMore, DecodedFrameHeader, FrameError>
decodeFrameHeader(std::span<const std::byte> bytes) noexcept;

/// The sizes of a frame that is all there, and a whole message of text.
struct WholeText
{
    std::size_t headerSize;  ///< in bytes, the mask among them, which stands last
    std::size_t payloadSize;
};

/// What nearly every frame is, at the front of `bytes`: a message of text in one piece below 64 KiB, all of
/// it there, with no extension and with a mask or without as said. Nothing where it is anything else; then
/// decodeFrameHeader() says what.
[[nodiscard]] std::optional<WholeText> decodeWholeText(std::span<const std::byte> bytes,
                                                       bool isMasked) noexcept;

}  // namespace strandcast
