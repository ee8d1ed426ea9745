#include "websocket/protocol.hpp"

#include "websocket/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace strandcast
{

namespace
{

constexpr std::size_t maxCloseTextSize = maxControlPayloadSize - 2;

std::string_view asText(std::span<const std::byte> bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> asBytes(std::string_view text)
{
    return std::as_bytes(std::span(text));
}

// Not within a character: its continuation bytes go with it.
std::string_view cutText(std::string_view text)
{
    if (text.size() <= maxCloseTextSize) return text;
    auto size = maxCloseTextSize;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return text.substr(0, size);
}

ProtocolEvent messageEvent(Opcode opcode, std::span<const std::byte> payload)
{
    if (opcode == Opcode::text) return TextReceived{asText(payload)};
    return BinaryReceived{payload};
}

CloseReason notUtf8()
{
    return {CloseCode::invalidPayload, "Not UTF-8"};
}

CloseReason tooLarge()
{
    return {CloseCode::messageTooBig, "Message too large"};
}

// What does not get smaller gets larger by a little: zlib's worst case, and empty blocks, stay within this.
std::uint64_t mostCompressed(std::size_t maxMessageSize)
{
    return std::uint64_t{maxMessageSize} + maxMessageSize / 8 + 1024;
}

}  // namespace

Protocol::Protocol(Role role, const ProtocolLimits& limits, MaskSource* masks)
    : limits_(limits),
      masks_(masks),
      maxMessageSize_(limits.maxMessageSize),
      role_(role)
{
}

void Protocol::receive(std::span<std::byte> bytes)
{
    if (closeReceived_ || failed_) return;
    if (!unread_.empty() && !assembler_) assembler_ = std::make_unique<Assembler>();
    unread_ = unread_.empty() ? bytes : assembler_->append(unread_, bytes);
}

std::optional<ProtocolEvent> Protocol::nextEvent()
{
    // What the last event showed is not looked at any more.
    if (assembler_ && assembler_->isMessageComplete()) assembler_->endMessage();
    while (!closeReceived_ && !failed_)
    {
        const auto before = unread_.size();
        const bool inFrame = assembler_ && assembler_->inFrame();
        auto event = inFrame ? pieceOfFrame() : readFrame();
        if (event) return event;
        if (unread_.size() == before && !(inFrame && !assembler_->inFrame())) break;
    }
    return std::nullopt;
}

void Protocol::retain()
{
    if (assembler_ && assembler_->isMessageComplete()) assembler_->endMessage();
    if (unread_.empty() && assembler_ && assembler_->isIdle()) assembler_.reset();
    if (!unread_.empty() && !assembler_) assembler_ = std::make_unique<Assembler>();
    if (assembler_) unread_ = assembler_->retain(unread_);
}

bool Protocol::hasRetained() const noexcept
{
    if (unread_.empty()) return false;
    if (assembler_ && assembler_->inFrame()) return true;
    return !std::holds_alternative<NeedMore>(decodeFrameHeader(unread_));
}

std::optional<std::string_view> Protocol::nextWholeText()
{
    if (assembler_ || closeSent_ || limits_.maxFramesPerMessage == 0) return std::nullopt;
    const bool isMasked = role_ == Role::server;
    const auto frame = decodeWholeText(unread_, isMasked);
    if (!frame || frame->payloadSize > maxMessageSize_) return std::nullopt;
    const auto payload = unread_.subspan(frame->headerSize, frame->payloadSize);
    const auto unmask = [&]
    {
        if (!isMasked) return;
        Mask mask;
        std::memcpy(mask.data(), payload.data() - mask.size(), mask.size());
        applyMask(payload, mask);
    };
    unmask();
    if (!isUtf8(payload))
    {
        unmask();  // as it came, for nextEvent() to refuse
        return std::nullopt;
    }
    unread_ = unread_.subspan(frame->headerSize + frame->payloadSize);
    return asText(payload);
}

std::optional<ProtocolEvent> Protocol::readFrame()
{
    const auto decoded = decodeFrameHeader(unread_);
    if (const auto* const error = std::get_if<FrameError>(&decoded))
        return fail({CloseCode::protocolError, std::string(error->what)});
    const auto* const frame = std::get_if<DecodedFrameHeader>(&decoded);
    if (!frame) return std::nullopt;
    const auto& header = frame->header;
    if (const auto error = judge(header)) return fail({CloseCode::protocolError, std::string(error->what)});
    if (auto reason = judgeSize(header)) return fail(std::move(*reason));

    unread_ = unread_.subspan(frame->size);
    const bool inMessage = assembler_ && assembler_->inMessage();
    const bool standsAlone = isControl(header.opcode) || (header.fin && !inMessage && !header.rsv1);
    if (standsAlone && unread_.size() >= header.payloadSize)
    {
        const auto payload = unread_.first(static_cast<std::size_t>(header.payloadSize));
        unread_ = unread_.subspan(payload.size());
        return wholeFrame(header, payload);
    }
    if (!assembler_) assembler_ = std::make_unique<Assembler>();
    assembler_->beginFrame(header);
    return pieceOfFrame();
}

std::optional<FrameError> Protocol::judge(const FrameHeader& header) const noexcept
{
    // RFC 7692, section 6.1: the first frame of a message says whether it is compressed, and no other.
    const bool mayBeCompressed =
        inflater_ && !isControl(header.opcode) && header.opcode != Opcode::continuation;
    if ((header.rsv1 && !mayBeCompressed) || header.rsv2 || header.rsv3)
        return FrameError{"Reserved bits without an extension"};
    // Section 5.1: a client masks every frame, a server none.
    if (role_ == Role::server && !header.mask) return FrameError{"Frame is not masked"};
    if (role_ == Role::client && header.mask) return FrameError{"Frame is masked"};
    if (isControl(header.opcode)) return std::nullopt;
    const bool inMessage = assembler_ && assembler_->inMessage();
    if (header.opcode == Opcode::continuation && !inMessage) return FrameError{"Continuation of no message"};
    if (header.opcode != Opcode::continuation && inMessage) return FrameError{"New message within a message"};
    return std::nullopt;
}

std::optional<CloseReason> Protocol::judgeSize(const FrameHeader& header) const
{
    if (isControl(header.opcode) || closeSent_)
        return std::nullopt;  // what is passed over may be of any size
    if (header.opcode == Opcode::binary && !limits_.acceptBinary)
        return CloseReason{CloseCode::unsupportedData, "Binary messages are not supported"};
    const bool continues = header.opcode == Opcode::continuation;
    const std::uint64_t before = continues ? assembler_->wireSize() : 0;
    const std::size_t frames = continues ? assembler_->frames() : 0;
    const bool compressed = continues ? assembler_->isCompressed() : header.rsv1;
    const auto most = compressed ? mostCompressed(maxMessageSize_) : std::uint64_t{maxMessageSize_};
    if (header.payloadSize > most || before + header.payloadSize > most) return tooLarge();
    if (frames >= limits_.maxFramesPerMessage)
        return CloseReason{CloseCode::messageTooBig, "Too many fragments"};
    return std::nullopt;
}

std::optional<ProtocolEvent> Protocol::wholeFrame(const FrameHeader& header, std::span<std::byte> payload)
{
    if (closeSent_ && !isControl(header.opcode)) return std::nullopt;
    if (header.mask) applyMask(payload, *header.mask);
    if (isControl(header.opcode)) return control(header.opcode, payload);
    if (header.opcode == Opcode::text && !isUtf8(payload)) return fail(notUtf8());
    return messageEvent(header.opcode, payload);
}

std::optional<ProtocolEvent> Protocol::pieceOfFrame()
{
    auto taken = Assembler::Taken::ok;
    if (closeSent_)
        assembler_->skipPiece(unread_);
    else
        taken = assembler_->takePiece(unread_, inflater_.get(), maxMessageSize_);
    if (taken != Assembler::Taken::ok) return fail(taken);
    if (!assembler_->isFrameComplete()) return std::nullopt;
    assembler_->endFrame();
    const auto opcode = assembler_->frameOpcode();
    if (isControl(opcode)) return control(opcode, assembler_->controlPayload());
    if (!assembler_->isMessageComplete()) return std::nullopt;
    if (closeSent_)
    {
        assembler_->endMessage();
        return std::nullopt;
    }
    taken = assembler_->finishMessage(inflater_.get(), maxMessageSize_);
    if (taken != Assembler::Taken::ok) return fail(taken);
    return messageEvent(assembler_->messageOpcode(), assembler_->message());
}

ProtocolEvent Protocol::fail(Assembler::Taken taken)
{
    switch (taken)
    {
    case Assembler::Taken::notUtf8: return fail(notUtf8());
    case Assembler::Taken::tooLarge: return fail(tooLarge());
    case Assembler::Taken::ok:
    case Assembler::Taken::corrupt: break;
    }
    // RFC 7692 names no code; what cannot be inflated is not consistent with its type.
    return fail({CloseCode::invalidPayload, "Compressed data that does not inflate"});
}

std::optional<ProtocolEvent> Protocol::control(Opcode opcode, std::span<const std::byte> payload)
{
    if (opcode == Opcode::close) return peerClose(payload);
    if (opcode == Opcode::pong) return PongReceived{asText(payload)};
    if (!closeSent_) send(Opcode::pong, payload);  // section 5.5.3: with identical application data
    return PingReceived{asText(payload)};
}

ProtocolEvent Protocol::peerClose(std::span<const std::byte> payload)
{
    CloseReason reason{CloseCode::noStatus, {}};
    if (payload.size() == 1) return fail({CloseCode::protocolError, "Close with half a code"});
    if (payload.size() >= 2)
    {
        const auto code = static_cast<unsigned>(payload[0]) << 8 | static_cast<unsigned>(payload[1]);
        reason.code = static_cast<CloseCode>(code);
        if (!mayBeSent(reason.code))
            return fail({CloseCode::protocolError, "Close with a code that may not be sent"});
        if (!isUtf8(payload.subspan(2))) return fail(notUtf8());
        reason.text = asText(payload.subspan(2));
    }
    closeReceived_ = true;
    // Section 5.5.1: an endpoint typically echoes the status code.
    close({reason.code, {}});
    stopReading();
    return PeerClosed{std::move(reason)};
}

ProtocolEvent Protocol::fail(CloseReason reason)
{
    failed_ = true;
    close(reason);
    stopReading();
    return ProtocolFailed{std::move(reason)};
}

void Protocol::stopReading() noexcept
{
    unread_ = {};
    assembler_.reset();
}

void Protocol::sendText(std::string_view text)
{
    if (!closeSent_) send(Opcode::text, asBytes(text));
}

void Protocol::sendBinary(std::span<const std::byte> bytes)
{
    if (!closeSent_) send(Opcode::binary, bytes);
}

void Protocol::ping(std::string_view payload)
{
    if (!closeSent_) send(Opcode::ping, asBytes(payload.substr(0, maxControlPayloadSize)));
}

void Protocol::close(const CloseReason& reason)
{
    if (std::exchange(closeSent_, true)) return;
    if (reason.code == CloseCode::noStatus) return send(Opcode::close, {});
    const auto code =
        static_cast<std::uint16_t>(mayBeSent(reason.code) ? reason.code : CloseCode::internalError);
    std::string payload;
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xFF);
    if (isUtf8(asBytes(reason.text))) payload += cutText(reason.text);  // section 5.5.1
    send(Opcode::close, asBytes(payload));
}

void Protocol::send(Opcode opcode, std::span<const std::byte> payload)
{
    FrameHeader header{.opcode = opcode, .payloadSize = payload.size()};
    if (role_ == Role::client) header.mask = makeMask(masks_->nextMask());
    std::array<std::byte, maxFrameHeaderSize> encoded;
    const auto size = encodeFrameHeader(header, encoded);
    if (!output_) output_ = std::make_unique<std::string>();
    *output_ += asText(std::span(encoded).first(size));
    const auto begin = output_->size();
    *output_ += asText(payload);
    if (header.mask) applyMask(std::as_writable_bytes(std::span(*output_)).subspan(begin), *header.mask);
}

}  // namespace strandcast
