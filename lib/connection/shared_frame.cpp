#include "connection/shared_frame.hpp"

#include <array>
#include <cstring>
#include <new>

namespace strandcast
{

SharedFrame SharedFrame::text(std::string_view payload, std::string_view topic)
{
    return make({.opcode = Opcode::text}, std::as_bytes(std::span(payload)), topic);
}

SharedFrame SharedFrame::compressed(Deflater& deflater, std::string_view payload, std::string_view topic)
{
    const auto deflated = deflater.deflate(std::as_bytes(std::span(payload)));
    if (deflated.empty()) return text(payload, topic);
    return make({.rsv1 = true, .opcode = Opcode::text}, deflated, topic);
}

std::pair<SharedFrame, char*> SharedFrame::make(const FrameHeader& header, std::string_view topic)
{
    std::array<std::byte, maxFrameHeaderSize> encoded;
    const auto headerSize = encodeFrameHeader(header, encoded);
    const auto frameSize = headerSize + static_cast<std::size_t>(header.payloadSize);

    void* memory = ::operator new(sizeof(Block) + frameSize + topic.size());
    auto* block = new (memory) Block{1, static_cast<std::uint32_t>(topic.size()), frameSize};
    auto* out = reinterpret_cast<char*>(block + 1);
    std::memcpy(out, encoded.data(), headerSize);
    if (!topic.empty()) std::memcpy(out + frameSize, topic.data(), topic.size());
    return {SharedFrame(block), out + headerSize};
}

SharedFrame SharedFrame::make(FrameHeader header, std::span<const std::byte> payload, std::string_view topic)
{
    header.payloadSize = payload.size();
    auto [frame, out] = make(header, topic);
    if (!payload.empty()) std::memcpy(out, payload.data(), payload.size());
    return std::move(frame);
}

void SharedFrame::release() noexcept
{
    if (!block_ || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block_->~Block();
    ::operator delete(block_);
}

}  // namespace strandcast
