#include "websocket/assembler.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace strandcast
{

namespace
{

// An assignment from an empty string keeps the memory.
void release(std::string& bytes) noexcept
{
    std::string().swap(bytes);
}

}  // namespace

void Assembler::beginFrame(const FrameHeader& header)
{
    frame_ = header;
    inFrame_ = true;
    left_ = header.payloadSize;
    offset_ = 0;
    if (isControl(header.opcode))
    {
        controlSize_ = 0;  // it may come between the frames of a message, and leaves that alone
        return;
    }
    messageFin_ = header.fin;
    if (!inMessage_)
    {
        inMessage_ = true;
        messageOpcode_ = header.opcode;
        compressed_ = header.rsv1;
        frames_ = 0;
        wireSize_ = 0;
        utf8_.reset();
    }
    ++frames_;
    wireSize_ += header.payloadSize;
}

std::span<std::byte> Assembler::unmasked(std::span<std::byte>& bytes)
{
    const auto piece = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
    bytes = bytes.subspan(piece.size());
    if (frame_.mask) applyMask(piece, *frame_.mask, offset_);
    left_ -= piece.size();
    offset_ += piece.size();
    if (isControl(frame_.opcode))
    {
        std::copy(piece.begin(), piece.end(), control_.begin() + controlSize_);
        controlSize_ = static_cast<std::uint8_t>(controlSize_ + piece.size());
        return {};
    }
    return piece;
}

Assembler::Taken Assembler::takePiece(std::span<std::byte>& bytes, Inflater* inflater, std::size_t limit)
{
    const auto piece = unmasked(bytes);
    if (piece.empty()) return Taken::ok;
    const auto before = message_.size();
    if (compressed_) return judged(inflater->inflate(piece, message_, limit), before);
    message_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return judged(Inflater::Outcome::ok, before);
}

void Assembler::skipPiece(std::span<std::byte>& bytes)
{
    static_cast<void>(unmasked(bytes));
    release(message_);
}

Assembler::Taken Assembler::finishMessage(Inflater* inflater, std::size_t limit)
{
    const auto before = message_.size();
    if (compressed_)
        if (const auto taken = judged(inflater->endMessage(message_, limit), before); taken != Taken::ok)
            return taken;
    return messageOpcode_ == Opcode::text && !utf8_.isComplete() ? Taken::notUtf8 : Taken::ok;
}

// What is new in the message is judged first: it came before what is wrong.
Assembler::Taken Assembler::judged(Inflater::Outcome outcome, std::size_t before)
{
    const auto added = std::as_bytes(std::span(message_)).subspan(before);
    if (messageOpcode_ == Opcode::text && !utf8_.accept(added)) return Taken::notUtf8;
    switch (outcome)
    {
    case Inflater::Outcome::ok: return Taken::ok;
    case Inflater::Outcome::tooLarge: return Taken::tooLarge;
    case Inflater::Outcome::corrupt: break;
    }
    return Taken::corrupt;
}

void Assembler::endMessage() noexcept
{
    inMessage_ = false;
    release(message_);
}

std::span<std::byte> Assembler::retain(std::span<std::byte> unread)
{
    if (unread.empty())
    {
        release(retained_);
        return {};
    }
    // Own bytes stay where they are: moved at each pause, they would cost their square.
    if (isRetained(unread)) return unread;
    retained_.assign(reinterpret_cast<const char*>(unread.data()), unread.size());
    return std::as_writable_bytes(std::span(retained_));
}

std::span<std::byte> Assembler::append(std::span<std::byte> unread, std::span<const std::byte> more)
{
    if (more.empty()) return retain(unread);
    unread = retain(unread);
    auto read = retained_.size() - unread.size();
    // Moved only when what was read outweighs it, so that all moves together cost no more than the bytes.
    if (read >= unread.size())
    {
        retained_.erase(0, read);
        read = 0;
    }
    retained_.append(reinterpret_cast<const char*>(more.data()), more.size());
    return std::as_writable_bytes(std::span(retained_)).subspan(read);
}

bool Assembler::isRetained(std::span<const std::byte> bytes) const noexcept
{
    const auto* const begin = reinterpret_cast<const char*>(bytes.data());
    const auto* const own = retained_.data();
    return std::greater_equal<>()(begin, own) && std::less<>()(begin, own + retained_.size());
}

}  // namespace strandcast
