#include "websocket/inflater.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace strandcast
{

namespace
{

// The end of the empty block that the sender left out.
constexpr std::array<std::byte, 4> tail = {std::byte{0}, std::byte{0}, std::byte{0xFF}, std::byte{0xFF}};

// Right behind the end of a block, with no bits left of its last byte: see inflate() in zlib.h.
constexpr int betweenBlocks = 128;
constexpr int unusedBits = 7;

constexpr std::size_t stateSize = 8 * 1024;

}  // namespace

void Inflater::End::operator()(z_stream_s* stream) const noexcept
{
    inflateEnd(stream);
    delete stream;
}

void Inflater::begin()
{
    auto stream = std::make_unique<z_stream_s>();
    if (inflateInit2(stream.get(), -static_cast<int>(context_.windowBits)) != Z_OK) throw std::bad_alloc();
    stream_.reset(stream.release());
}

Inflater::Outcome Inflater::inflate(std::span<const std::byte> piece, std::string& out, std::size_t limit)
{
    if (!stream_) begin();
    std::array<char, 16 * 1024> inflated;
    bool isFull = false;  // there may be more, even where all input is taken
    while (!piece.empty() || isFull)
    {
        if (out.size() > limit) return Outcome::tooLarge;
        const auto part = piece.first(std::min<std::size_t>(piece.size(), std::numeric_limits<uInt>::max()));
        // zlib does not write there, whatever it says.
        stream_->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(part.data()));
        stream_->avail_in = static_cast<uInt>(part.size());
        stream_->next_out = reinterpret_cast<Bytef*>(inflated.data());
        // One byte over the limit tells that there is one.
        const auto room = std::min(inflated.size() - 1, limit - out.size()) + 1;
        stream_->avail_out = static_cast<uInt>(room);
        const int result = ::inflate(stream_.get(), Z_SYNC_FLUSH);
        if (result == Z_MEM_ERROR) throw std::bad_alloc();
        out.append(inflated.data(), room - stream_->avail_out);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Outcome::corrupt;
        piece = piece.subspan(part.size() - stream_->avail_in);
        isFull = stream_->avail_out == 0;
        // Section 7.2.3.4: a block may say that it is the last, and others follow all the same.
        if (result == Z_STREAM_END) inflateResetKeep(stream_.get());
    }
    return out.size() > limit ? Outcome::tooLarge : Outcome::ok;
}

Inflater::Outcome Inflater::endMessage(std::string& out, std::size_t limit)
{
    const auto outcome = inflate(tail, out, limit);
    if (outcome != Outcome::ok) return outcome;
    const bool isWhole = (stream_->data_type & betweenBlocks) != 0 && (stream_->data_type & unusedBits) == 0;
    if (!context_.takeover) stream_.reset();
    return isWhole ? Outcome::ok : Outcome::corrupt;
}

std::size_t Inflater::heldBytes() const noexcept
{
    return sizeof(Inflater) + (stream_ ? stateSize + (std::size_t{1} << context_.windowBits) : 0);
}

}  // namespace strandcast
