#include "client/source.hpp"

#include "load/messages.hpp"
#include "load/peer.hpp"
#include "message/envelope.hpp"
#include "websocket/frame.hpp"
#include "websocket/handshake_key.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdlib>
#include <netinet/tcp.h>
#include <sched.h>
#include <span>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>

namespace bench
{

namespace
{

using namespace strandcast;
using load::fail;

constexpr std::string_view someId = "1700000000000-abcdefghi";
constexpr Timestamp someTime{std::chrono::milliseconds(1'700'000'000'000)};

int listenOnLoopback(std::uint16_t& port)
{
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    if (::bind(listener, reinterpret_cast<const ::sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<::sockaddr*>(&address), &size) != 0)
        fail("the source cannot listen");
    port = ntohs(address.sin_port);
    return listener;
}

/// The source's side, in its own process.
class Sender
{
public:
    explicit Sender(int socket) : socket_(socket) {}

    /// Grants all that is asked for until the reader has begun, then feeds it until it goes.
    void run(const Feed& feed, const SharedCount& taken)
    {
        upgrade();
        say(VersionNegotiationMessage{
            .id = std::string(someId), .timestamp = someTime, .supportedVersions = {"1.1.0", "1.0.0"}});
        while (taken.get() < 0)
            if (receive(MSG_DONTWAIT)) grant();
        for (std::int64_t sent = 0; sent < feed.events;)
        {
            while (taken.get() < sent)
            {
            }
            std::string piece;
            for (std::size_t place = 0; place < feed.window && sent < feed.events; ++place)
                appendEventFrame(piece, static_cast<std::uint64_t>(++sent), feed.dataSize);
            send(piece);
        }
        static_cast<void>(receive(0));  // its Close, or its end
        send({"\x88\x00", 2});
    }

private:
    void send(std::string_view bytes) const
    {
        while (!bytes.empty())
        {
            const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (size <= 0) fail("the source's reader has gone");
            bytes.remove_prefix(static_cast<std::size_t>(size));
        }
    }

    bool receive(int flags)
    {
        std::array<char, 4096> buffer;
        const auto size = ::recv(socket_, buffer.data(), buffer.size(), flags);
        if (size > 0) received_.append(buffer.data(), static_cast<std::size_t>(size));
        return size > 0;
    }

    void upgrade()
    {
        constexpr std::string_view name = "Sec-WebSocket-Key: ";
        while (received_.find("\r\n\r\n") == std::string::npos)
            if (!receive(0)) fail("the source's reader does not upgrade");
        const auto key = received_.substr(received_.find(name) + name.size(), 24);
        send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: " +
             acceptKey(key) + "\r\n\r\n");
        received_.erase(0, received_.find("\r\n\r\n") + 4);
    }

    void grant()
    {
        for (;;)
        {
            const auto decoded = decodeFrameHeader(std::as_bytes(std::span(received_)));
            const auto* const frame = std::get_if<DecodedFrameHeader>(&decoded);
            if (!frame || received_.size() < frame->size + frame->header.payloadSize) return;
            auto text = received_.substr(frame->size, frame->header.payloadSize);
            received_.erase(0, frame->size + text.size());
            if (frame->header.mask) applyMask(std::as_writable_bytes(std::span(text)), *frame->header.mask);
            grant(text);
        }
    }

    void grant(std::string_view text)
    {
        const auto parsed = parseMessage(text, {.newest = ProtocolVersion::v1_1});
        const auto* const message = std::get_if<Message>(&parsed);
        if (!message) return;
        AckMessage ack{.id = std::string(someId), .timestamp = someTime, .messageId = messageId(*message)};
        if (std::holds_alternative<VersionNegotiationMessage>(*message))
        {
            version_ = ProtocolVersion::v1_1;
            ack.clientId = someId;
            ack.dedupWindow = std::chrono::minutes(10);
            ack.maxMessageSize = 4 * 1024 * 1024;
        }
        say(ack);
    }

    void say(const Message& message) const
    {
        std::string text;
        std::string bytes;
        appendMessage(text, message, version_);
        appendFrame(bytes, text);
        send(bytes);
    }

    void appendEventFrame(std::string& bytes, std::uint64_t number, std::size_t dataSize)
    {
        scratch_.clear();
        appendEvent(scratch_, someId, someTime, sourceTopic, load::eventData(number, dataSize), number,
                    version_);
        appendFrame(bytes, scratch_);
    }

    static void appendFrame(std::string& bytes, std::string_view text)
    {
        std::array<std::byte, maxFrameHeaderSize> header;
        const auto size = encodeFrameHeader({.payloadSize = text.size()}, header);
        bytes.append(reinterpret_cast<const char*>(header.data()), size).append(text);
    }

    int socket_;
    ProtocolVersion version_ = ProtocolVersion::v1_0;
    std::string received_;
    std::string scratch_;
};

void runSource(int listener, const Feed& feed, const SharedCount& taken)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (feed.core >= 0)
    {
        ::cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(static_cast<std::size_t>(feed.core), &cores);
        if (::sched_setaffinity(0, sizeof cores, &cores) != 0) fail("the source cannot run on its core");
    }
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Sender(socket).run(feed, taken);
}

}  // namespace

Source::Source(const Feed& feed, const SharedCount& taken)
{
    const int listener = listenOnLoopback(port_);
    process_ = ::fork();
    if (process_ < 0) fail("no process for the source");
    if (process_ == 0)
    {
        runSource(listener, feed, taken);
        std::_Exit(0);
    }
    ::close(listener);
}

Source::~Source()
{
    ::waitpid(process_, nullptr, 0);
}

}  // namespace bench
