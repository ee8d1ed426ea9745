#pragma once

#include "websocket/frame.hpp"
#include "websocket/inflater.hpp"
#include "websocket/utf8.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace strandcast
{

/// What a connection holds while a frame or a message is incomplete: the message so far, and where in it the
/// frame is. It grows with what arrives, never with what a header claims.
class Assembler
{
public:
    enum class Taken : std::uint8_t
    {
        ok,
        notUtf8,
        tooLarge,
        corrupt,  // it does not inflate
    };

    /// Begins to read a frame in pieces. A data frame begins a message, or continues it.
    void beginFrame(const FrameHeader& header);
    [[nodiscard]] bool inFrame() const noexcept { return inFrame_; }
    [[nodiscard]] Opcode frameOpcode() const noexcept { return frame_.opcode; }

    /// Unmasks and takes as much of `bytes` as belongs to the frame, and removes it from them; says what is
    /// wrong at the first byte of a text that is not UTF-8. A message that is compressed is inflated by
    /// `inflater` up to `limit`.
    [[nodiscard]] Taken takePiece(std::span<std::byte>& bytes, Inflater* inflater, std::size_t limit);
    /// The same without keeping anything.
    void skipPiece(std::span<std::byte>& bytes);
    [[nodiscard]] bool isFrameComplete() const noexcept { return left_ == 0; }
    void endFrame() noexcept { inFrame_ = false; }

    /// The payload of a control frame that is complete.
    [[nodiscard]] std::span<const std::byte> controlPayload() const noexcept
    {
        return std::span(control_).first(controlSize_);
    }

    // The message: from its first frame to the last.
    [[nodiscard]] bool inMessage() const noexcept { return inMessage_; }
    [[nodiscard]] Opcode messageOpcode() const noexcept { return messageOpcode_; }
    [[nodiscard]] bool isCompressed() const noexcept { return compressed_; }
    /// Of its frames so far, as they came.
    [[nodiscard]] std::uint64_t wireSize() const noexcept { return wireSize_; }
    /// Its last frame has been taken: a message that is compressed gets its end.
    [[nodiscard]] Taken finishMessage(Inflater* inflater, std::size_t limit);
    [[nodiscard]] std::size_t frames() const noexcept { return frames_; }
    [[nodiscard]] bool isMessageComplete() const noexcept { return inMessage_ && !inFrame_ && messageFin_; }
    [[nodiscard]] std::span<const std::byte> message() const noexcept
    {
        return std::as_bytes(std::span(message_));
    }
    void endMessage() noexcept;

    /// Keeps bytes that nobody has read yet, and tells where they are now. They are the end of what was
    /// retained before, or bytes of someone else's; with none of them, it lets go of the memory.
    [[nodiscard]] std::span<std::byte> retain(std::span<std::byte> unread);
    /// The same, with `more` behind them.
    [[nodiscard]] std::span<std::byte> append(std::span<std::byte> unread, std::span<const std::byte> more);

    [[nodiscard]] bool isIdle() const noexcept { return !inFrame_ && !inMessage_; }

    /// What it takes from the heap, itself included.
    [[nodiscard]] std::size_t heldBytes() const noexcept
    {
        return sizeof(Assembler) + message_.capacity() + retained_.capacity();
    }

private:
    [[nodiscard]] std::span<std::byte> unmasked(std::span<std::byte>& bytes);
    [[nodiscard]] Taken judged(Inflater::Outcome outcome, std::size_t before);
    [[nodiscard]] bool isRetained(std::span<const std::byte> bytes) const noexcept;

    FrameHeader frame_;
    std::uint64_t left_ = 0;  // of the frame's payload
    std::size_t offset_ = 0;  // into the frame's payload
    std::size_t frames_ = 0;
    std::uint64_t wireSize_ = 0;
    std::string message_;
    std::string retained_;
    Utf8Validator utf8_;
    Opcode messageOpcode_ = Opcode::text;
    bool inFrame_ = false;
    bool inMessage_ = false;
    bool compressed_ = false;
    bool messageFin_ = false;  // of the message's last frame so far
    std::uint8_t controlSize_ = 0;
    std::array<std::byte, maxControlPayloadSize> control_;
};

}  // namespace strandcast
