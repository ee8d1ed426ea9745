#include "peer.hpp"

#include "websocket/mask.hpp"

#include <zlib.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace load
{

void fail(const std::string& what)
{
    std::fprintf(stderr, "load: %s\n", what.c_str());
    std::exit(1);
}

namespace
{

[[noreturn]] void failed(const char* what)
{
    fail(std::string(what) + ": " + std::strerror(errno));
}

::sockaddr_in address(unsigned host, std::uint16_t port)
{
    ::sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    result.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    return result;
}

}  // namespace

Peer::Peer(std::uint16_t port, unsigned from, bool isCompressed)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      isCompressed_(isCompressed)
{
    if (socket_ < 0) failed("socket");
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const auto own = address(from, 0);
    if (::bind(socket_, reinterpret_cast<const ::sockaddr*>(&own), sizeof own) != 0) failed("bind");
    const auto server = address(1, port);
    if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&server), sizeof server) != 0)
        failed("connect");
    requestUpgrade(port);
}

Peer::Peer(Peer&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      isCompressed_(other.isCompressed_),
      received_(std::move(other.received_)),
      joined_(std::move(other.joined_)),
      waiting_(std::move(other.waiting_)),
      mask_(other.mask_)
{
}

Peer::~Peer()
{
    if (socket_ >= 0) ::close(socket_);
}

void Peer::requestUpgrade(std::uint16_t port)
{
    std::string request = "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    if (isCompressed_) request += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    request += "\r\n";
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<::ssize_t>(request.size()))
        failed("send");
}

void Peer::finishUpgrade()
{
    std::array<char, 4096> buffer;
    while (received_.find("\r\n\r\n") == std::string::npos)
    {
        const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (size <= 0) failed("the upgrade");
        received_.append(buffer.data(), static_cast<std::size_t>(size));
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
    const auto size = ::send(socket_, waiting_.data(), waiting_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno != EAGAIN) failed("send");
    if (size > 0) waiting_.erase(0, static_cast<std::size_t>(size));
}

std::string_view Peer::receive(std::span<char> buffer)
{
    const auto size = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return {};
    if (size <= 0) failed("the server has closed a connection");
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
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
        ::pollfd asked{socket_, POLLIN, 0};
        if (::poll(&asked, 1, 30'000) <= 0) fail("no answer in 30 s");
        read(buffer,
             [&](std::string_view text)
             {
                 if (text.find(R"("type":"error")") != std::string_view::npos) fail(std::string(text));
                 isFound = isFound || text.find(part) != std::string_view::npos;
             });
    }
}

}  // namespace load
