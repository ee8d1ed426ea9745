#include "websocket/assembler.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace strandcast
{

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
    if (!keep) return true;
    if (messageOpcode_ == Opcode::text && !utf8_.accept(piece)) return false;
    message_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return true;
}

void Assembler::endMessage() noexcept
{
    inMessage_ = false;
    message_ = std::string();
}

std::span<std::byte> Assembler::retain(std::span<std::byte> unread)
{
    const auto* const begin = reinterpret_cast<const char*>(unread.data());
    const bool isOwn = begin >= retained_.data() && begin < retained_.data() + retained_.size();
    if (isOwn)
        retained_.erase(0, static_cast<std::size_t>(begin - retained_.data()));
    else
        retained_.assign(begin, unread.size());
    return std::as_writable_bytes(std::span(retained_));
}

std::span<std::byte> Assembler::append(std::span<std::byte> unread, std::span<const std::byte> more)
{
    static_cast<void>(retain(unread));
    retained_.append(reinterpret_cast<const char*>(more.data()), more.size());
    return std::as_writable_bytes(std::span(retained_));
}

}  // namespace strandcast
