#include "connection/shared_frame.hpp"

#include "websocket/frame.hpp"

#include <cstring>
#include <new>

namespace strandcast
{

SharedFrame SharedFrame::text(std::string_view payload, std::string_view topic)
{
    std::array<std::byte, maxFrameHeaderSize> header;
    const auto headerSize =
        encodeFrameHeader({.fin = true, .opcode = Opcode::text, .payloadSize = payload.size()}, header);
    const auto frameSize = headerSize + payload.size();

    void* memory = ::operator new(sizeof(Block) + frameSize + topic.size());
    auto* block = new (memory) Block{1, static_cast<std::uint32_t>(topic.size()), frameSize};
    auto* out = reinterpret_cast<char*>(block + 1);
    std::memcpy(out, header.data(), headerSize);
    if (!payload.empty()) std::memcpy(out + headerSize, payload.data(), payload.size());
    if (!topic.empty()) std::memcpy(out + frameSize, topic.data(), topic.size());
    return SharedFrame(block);
}

void SharedFrame::release() noexcept
{
    if (!block_ || block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block_->~Block();
    ::operator delete(block_);
}

}  // namespace strandcast
