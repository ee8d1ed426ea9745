#include "websocket/deflater.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace strandcast
{

namespace
{

// zlib has no window of 8 bits without a header of its own. What it writes with 9 refers back by no more than
// 512 - 262 bytes, which an inflater of 8 bits has.
constexpr int smallestWindow = 9;
constexpr int memoryLevel = 8;

// An empty block that is not the last, which ends at a byte: its last four bytes are left out
// (section 7.2.1).
constexpr std::size_t tailSize = 4;

// More than this is given back after a message.
constexpr std::size_t keptBytes = 64 * 1024;

}  // namespace

void Deflater::End::operator()(z_stream_s* stream) const noexcept
{
    deflateEnd(stream);
    delete stream;
}

Deflater::Deflater(DeflateContext context, const DeflateOptions& options)
    : context_(context),
      minSize_(options.minSize)
{
    auto stream = std::make_unique<z_stream_s>();
    const int bits = std::max<int>(context.windowBits, smallestWindow);
    const int level = std::clamp(options.level, 1, 9);
    if (deflateInit2(stream.get(), level, Z_DEFLATED, -bits, memoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
    stream_.reset(stream.release());
}

Deflater::~Deflater() = default;

std::span<const std::byte> Deflater::deflate(std::span<const std::byte> message)
{
    // An assignment from an empty string keeps the memory.
    if (out_.capacity() > keptBytes) std::string().swap(out_);
    out_.clear();
    if (message.empty() || message.size() < minSize_) return {};
    append(message);
    if (!context_.takeover)
    {
        deflateReset(stream_.get());
        if (out_.size() >= message.size()) return {};
    }
    return std::as_bytes(std::span(out_));
}

void Deflater::append(std::span<const std::byte> message)
{
    std::array<char, 16 * 1024> piece;
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    do {
        const auto part = message.first(std::min(message.size(), most));
        message = message.subspan(part.size());
        // zlib does not write there, whatever it says.
        stream_->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(part.data()));
        stream_->avail_in = static_cast<uInt>(part.size());
        do {
            stream_->next_out = reinterpret_cast<Bytef*>(piece.data());
            stream_->avail_out = static_cast<uInt>(piece.size());
            ::deflate(stream_.get(), message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH);
            out_.append(piece.data(), piece.size() - stream_->avail_out);
        } while (stream_->avail_out == 0);
    } while (!message.empty());
    out_.resize(out_.size() - tailSize);
}

}  // namespace strandcast
