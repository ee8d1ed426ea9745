#include "peer.hpp"

#include "websocket/mask.hpp"

#include <zlib.h>

#include <array>
#include <utility>

namespace load
{

Peer::Peer(const Target& target, unsigned from) : wire_(target, from), isCompressed_(target.isCompressed)
{
    requestUpgrade(target.port);
}

void Peer::requestUpgrade(std::uint16_t port)
{
    std::string request = "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    if (isCompressed_) request += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    request += "\r\n";
    if (wire_.write(request) != request.size()) fail("the request for the upgrade did not fit");
}

void Peer::finishUpgrade()
{
    std::array<char, 4096> buffer;
    while (received_.find("\r\n\r\n") == std::string::npos)
    {
        wire_.waitReadable();
        received_.append(buffer.data(), wire_.read(buffer));
    }
    if (!received_.starts_with("HTTP/1.1 101")) fail("no upgrade: " + received_);
    if (isCompressed_ && received_.find("permessage-deflate") == std::string::npos)
        fail("the server does not compress");
    received_.erase(0, received_.find("\r\n\r\n") + 4);
}

void Peer::queue(std::string_view text)
{
    mask_ = mask_ * 1664525 + 1013904223;
    const auto mask = strandcast::makeMask(mask_);
    waiting_ += '\x81';
    if (text.size() < 126)
        waiting_ += static_cast<char>(0x80 | text.size());
    else if (text.size() < 65536)
    {
        waiting_ += '\xfe';
        waiting_ += static_cast<char>(text.size() >> 8);
        waiting_ += static_cast<char>(text.size());
    }
    else
        fail("a message of more than 64 KiB");
    for (const auto byte : mask) waiting_ += static_cast<char>(byte);
    const auto begin = waiting_.size();
    waiting_ += text;
    strandcast::applyMask(std::as_writable_bytes(std::span(waiting_).subspan(begin)), mask);
}

void Peer::flush()
{
    if (waiting_.empty()) return;
    waiting_.erase(0, wire_.write(waiting_));
}

std::string_view Peer::receive(std::span<char> buffer)
{
    const std::string_view bytes(buffer.data(), wire_.read(buffer));
    if (bytes.empty()) return {};
    if (received_.empty()) return bytes;
    joined_.assign(received_).append(bytes);
    received_.clear();
    return joined_;
}

std::string_view Peer::inflate(std::string_view payload)
{
    static std::array<char, 128 * 1024> text;
    static ::z_stream* const stream = []
    {
        static ::z_stream made{};
        if (::inflateInit2(&made, -15) != Z_OK) fail("zlib");
        return &made;
    }();
    static std::string message;
    message.assign(payload).append("\0\0\xff\xff", 4);  // RFC 7692, section 7.2.2
    ::inflateReset(stream);
    stream->next_in = reinterpret_cast<::Bytef*>(message.data());
    stream->avail_in = static_cast<::uInt>(message.size());
    stream->next_out = reinterpret_cast<::Bytef*>(text.data());
    stream->avail_out = text.size();
    if (::inflate(stream, Z_SYNC_FLUSH) != Z_OK) fail("a message that does not inflate");
    return {text.data(), text.size() - stream->avail_out};
}

void Peer::keep(std::string_view rest)
{
    if (!rest.empty()) received_.assign(rest);
}

Peer::Frame Peer::nextFrame(std::string_view bytes)
{
    if (bytes.size() < 2) return {};
    const auto at = [&](std::size_t index)
    { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[index])); };
    std::size_t header = 2;
    std::size_t size = at(1);
    if (size == 126)
    {
        if (bytes.size() < 4) return {};
        size = at(2) << 8 | at(3);
        header = 4;
    }
    else if (size > 126)
        fail("a frame of more than 64 KiB, or a masked one");
    if (bytes.size() < header + size) return {};
    const auto opcode = at(0) & 0x0F;
    if (opcode == 8) fail("the server says Close: " + std::string(bytes.substr(header + 2, size - 2)));
    if (opcode == 9) waiting_ += std::string("\x8a\x80\0\0\0\0", 6);
    return {header + size, opcode == 1, (at(0) & 0x40) != 0, bytes.substr(header, size)};
}

void Peer::waitFor(std::string_view part)
{
    std::array<char, 16 * 1024> buffer;
    bool isFound = false;
    // What came behind the upgrade.
    if (!received_.empty())
    {
        const auto early = std::exchange(received_, {});
        std::size_t used = 0;
        for (;;)
        {
            const auto frame = nextFrame(std::string_view(early).substr(used));
            if (frame.size == 0) break;
            used += frame.size;
            const auto text = frame.isCompressed ? inflate(frame.payload) : frame.payload;
            isFound = isFound || text.find(part) != std::string_view::npos;
        }
        keep(std::string_view(early).substr(used));
    }
    while (!isFound)
    {
        flush();
        wire_.waitReadable();
        read(buffer,
             [&](std::string_view text)
             {
                 if (text.find(R"("type":"error")") != std::string_view::npos) fail(std::string(text));
                 isFound = isFound || text.find(part) != std::string_view::npos;
             });
    }
}

}  // namespace load
