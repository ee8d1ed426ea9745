#pragma once

#include "websocket/assembler.hpp"
#include "websocket/frame.hpp"
#include "websocket/inflater.hpp"
#include "websocket/opcode.hpp"

#include <strandcast/close_reason.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace strandcast
{

struct ProtocolLimits
{
    /// bytes; more is 1009, at the header that says so, or at the byte that a message inflates to
    std::size_t maxMessageSize = 4 * 1024 * 1024;
    std::size_t maxFramesPerMessage =
        1'000'000;             ///< more is 1009; a 4 MiB message in 64-byte fragments is legal
    bool acceptBinary = true;  ///< otherwise 1003, at the header
};

/// Where a client's masks come from. A server needs none.
class MaskSource
{
public:
    [[nodiscard]] virtual std::uint32_t nextMask() = 0;

protected:
    ~MaskSource() = default;
};

// What a peer said. Views last until the next call of nextEvent(), receive() or retain().

struct TextReceived
{
    std::string_view text;  ///< valid UTF-8
};
struct BinaryReceived
{
    std::span<const std::byte> bytes;
};
/// Its Pong is in the output already.
struct PingReceived
{
    std::string_view payload;
};
struct PongReceived
{
    std::string_view payload;
};
/// The peer's Close; CloseCode::noStatus where it gave none. Ours is in the output, if it was not before.
struct PeerClosed
{
    CloseReason reason;
};
/// The peer broke the protocol or a limit: our Close, with this reason, is in the output, and nothing more is
/// read.
struct ProtocolFailed
{
    CloseReason reason;
};
using ProtocolEvent =
    std::variant<TextReceived, BinaryReceived, PingReceived, PongReceived, PeerClosed, ProtocolFailed>;

/// RFC 6455 after the upgrade, without I/O: bytes in, events out, bytes out. What the peer does wrong is an
/// event and a queued Close, never an exception.
///
/// In each turn: receive(), nextEvent() until there is none (or for as long as the owner likes), retain(),
/// and what takeOutput() gives goes to the peer. An idle connection holds no memory beside the object.
class Protocol
{
public:
    /// `limits` outlive the protocol; so does `masks`, which a client needs.
    Protocol(Role role, const ProtocolLimits& limits, MaskSource* masks = nullptr);

    /// The peer may compress its messages so from now on (RFC 7692); otherwise that is 1002.
    void inflate(const DeflateContext& context) { inflater_ = std::make_unique<Inflater>(context); }

    /// Takes bytes from the peer, which are unmasked where they lie. They stay until retain().
    void receive(std::span<std::byte> bytes);

    /// The next event of what was received; nothing where it is used up, or more is needed.
    /// After our own Close was queued, messages that still arrive are passed over, whatever their size
    /// (section 1.4), and Pings are not answered; after the peer's, or a failure, nothing comes any more.
    [[nodiscard]] std::optional<ProtocolEvent> nextEvent();

    /// The next event if it is what nearly every one is: a text in one frame that is here as a whole.
    /// Otherwise nothing is taken, and nextEvent() says what comes next. The view lasts as those of events
    /// do.
    [[nodiscard]] std::optional<std::string_view> nextWholeText();

    /// Makes what nextEvent() has not read the protocol's own, so that the bytes given to receive() may go.
    void retain();

    /// Whether there are unread bytes that may hold events. A beginning of a header does not count.
    [[nodiscard]] bool hasRetained() const noexcept;

    /// Queues a message in one frame. Ignored after a Close was queued.
    void sendText(std::string_view text);
    void sendBinary(std::span<const std::byte> bytes);
    /// Queues a Ping with at most 125 bytes; more are cut.
    void ping(std::string_view payload);
    /// Queues a Close, once: CloseCode::noStatus is one without a code; another that may not be sent becomes
    /// 1011. The text is cut to 123 bytes, between characters; one that is not UTF-8 is left out.
    void close(const CloseReason& reason);

    [[nodiscard]] bool hasOutput() const noexcept { return output_ != nullptr; }
    [[nodiscard]] std::string takeOutput()
    {
        const auto output = std::exchange(output_, nullptr);
        return output ? std::move(*output) : std::string();
    }

    [[nodiscard]] bool closeSent() const noexcept { return closeSent_; }
    [[nodiscard]] bool closeReceived() const noexcept { return closeReceived_; }
    /// Both have said Close, or the peer broke the protocol.
    [[nodiscard]] bool closed() const noexcept { return failed_ || (closeSent_ && closeReceived_); }

    /// From the next frame on.
    void setMaxMessageSize(std::size_t bytes) noexcept { maxMessageSize_ = bytes; }

    /// What it takes from the heap for what was received: nothing between messages, after retain(), but what
    /// the next one may refer to where messages are compressed.
    [[nodiscard]] std::size_t heldBytes() const noexcept
    {
        return (assembler_ ? assembler_->heldBytes() : 0) + (inflater_ ? inflater_->heldBytes() : 0);
    }

private:
    [[nodiscard]] std::optional<ProtocolEvent> readFrame();
    [[nodiscard]] std::optional<FrameError> judge(const FrameHeader& header) const noexcept;
    [[nodiscard]] std::optional<CloseReason> judgeSize(const FrameHeader& header) const;
    [[nodiscard]] std::optional<ProtocolEvent> wholeFrame(const FrameHeader& header,
                                                          std::span<std::byte> payload);
    [[nodiscard]] std::optional<ProtocolEvent> pieceOfFrame();
    [[nodiscard]] ProtocolEvent fail(Assembler::Taken taken);
    [[nodiscard]] std::optional<ProtocolEvent> control(Opcode opcode, std::span<const std::byte> payload);
    [[nodiscard]] ProtocolEvent peerClose(std::span<const std::byte> payload);
    [[nodiscard]] ProtocolEvent fail(CloseReason reason);
    void stopReading() noexcept;
    void send(Opcode opcode, std::span<const std::byte> payload);

    const ProtocolLimits& limits_;
    MaskSource* masks_;
    std::size_t maxMessageSize_;
    std::span<std::byte> unread_;  // of what was received or, after retain(), of the assembler's own
    std::unique_ptr<Assembler>
        assembler_;  // only while a frame or a message is incomplete, or bytes are retained
    std::unique_ptr<Inflater> inflater_;   // where the peer may compress
    std::unique_ptr<std::string> output_;  // none: nothing was queued
    Role role_;
    bool closeSent_ = false;
    bool closeReceived_ = false;
    bool failed_ = false;
};

}  // namespace strandcast
