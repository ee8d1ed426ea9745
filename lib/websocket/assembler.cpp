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
        frames_ = 0;
        utf8_.reset();
    }
    ++frames_;
}

bool Assembler::takePiece(std::span<std::byte>& bytes, bool keep)
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
        return true;
    }
    if (!keep)
    {
        release(message_);
        return true;
    }
    if (messageOpcode_ == Opcode::text && !utf8_.accept(piece)) return false;
    message_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return true;
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
