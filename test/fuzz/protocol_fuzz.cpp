// Any bytes from a peer, in either role, compressed or not: whole and cut into pieces, with texts taken by
// the short way or not, they mean the same, what is held stays within the limit, and what is said back is
// well-formed.

#include "websocket/protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

using namespace strandcast;

namespace
{

constexpr ProtocolLimits limits{.maxMessageSize = 5'000, .maxFramesPerMessage = 100};

struct FixedMask final : MaskSource
{
    std::uint32_t nextMask() override { return 0x5A17C3E9; }
} masks;

void require(bool isSo)
{
    if (!isSo) std::abort();
}

/// Everything that was said, as one text.
struct Transcript
{
    std::string text;

    void operator()(const TextReceived& message)
    {
        require(message.text.size() <= limits.maxMessageSize);
        require(isUtf8(std::as_bytes(std::span(message.text))));
        text.append("text ").append(message.text);
    }
    void operator()(const BinaryReceived& message)
    {
        require(message.bytes.size() <= limits.maxMessageSize);
        text.append("binary ").append(reinterpret_cast<const char*>(message.bytes.data()),
                                      message.bytes.size());
    }
    void operator()(const PingReceived& ping) { text.append("ping ").append(ping.payload); }
    void operator()(const PongReceived& pong) { text.append("pong ").append(pong.payload); }
    void operator()(const PeerClosed& closed) { end("closed ", closed.reason); }
    void operator()(const ProtocolFailed& failed) { end("failed ", failed.reason); }

    void end(std::string_view kind, const CloseReason& reason)
    {
        text.append(kind).append(std::to_string(static_cast<int>(reason.code))).append(reason.text);
    }
};

constexpr std::uint8_t compressed = 2;
constexpr std::uint8_t largestWindow = 7 << 3;

std::string converse(std::uint8_t choices, const std::string& bytes, std::size_t step, bool takesTexts)
{
    const auto role = (choices & 1) != 0 ? Role::client : Role::server;
    Protocol protocol(role, limits, &masks);
    if ((choices & compressed) != 0)
        protocol.inflate({static_cast<std::uint8_t>(8 + (choices >> 3) % 8), (choices & 4) != 0});
    Transcript transcript;
    for (std::size_t at = 0; at < bytes.size(); at += step)
    {
        auto piece = bytes.substr(at, step);
        protocol.receive(std::as_writable_bytes(std::span(piece)));
        for (;;)
        {
            const auto text = takesTexts ? protocol.nextWholeText() : std::nullopt;
            const auto event = text ? TextReceived{*text} : protocol.nextEvent();
            if (!event) break;
            std::visit(transcript, *event);
        }
        protocol.retain();
    }
    return transcript.text + protocol.takeOutput();
}

/// Whether pieces were refused because they do not inflate, and said until then what the whole says.
bool areRefused(std::string_view pieces, std::string_view whole)
{
    const auto failed = pieces.find("failed 1007Compressed data that does not inflate");
    return failed != std::string_view::npos && whole.starts_with(pieces.substr(0, failed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) return 0;
    const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto step = 1 + data[1] % 16U;
    const auto meansTheSame = [&](std::uint8_t choices)
    {
        const auto whole = converse(choices, bytes, bytes.size() + 1, false);
        if (converse(choices, bytes, bytes.size() + 1, true) != whole) return false;
        const auto pieces = converse(choices, bytes, step, true);
        if (pieces == whole) return true;
        // Who refers back beyond the window that it agreed to (RFC 7692, section 7.2) is found out by zlib
        // where that lies in an earlier piece, and not where it lies in the same one.
        const bool isSmall = (choices & largestWindow) != largestWindow;
        return (choices & compressed) != 0 && isSmall && areRefused(pieces, whole);
    };
    require(meansTheSame(data[0]));
    require(meansTheSame(static_cast<std::uint8_t>(data[0] | largestWindow)));
    return 0;
}
