#include "client/readers.hpp"
#include "client/source.hpp"
#include "load/messages.hpp"
#include "load/peer.hpp"

#include <array>
#include <cstring>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench
{

namespace
{

/// The size of the frame at the front, or 0 where it is not whole.
std::size_t frameSize(const unsigned char* bytes, std::size_t size)
{
    if (size < 2) return 0;
    std::size_t whole = 2U + bytes[1];
    if (bytes[1] == 126)
    {
        if (size < 4) return 0;
        whole = 4U + (static_cast<std::size_t>(bytes[2]) << 8) + bytes[3];
    }
    else if (bytes[1] > 126)
        load::fail("a frame of more than 64 KiB, or a masked one");
    return size < whole ? 0 : whole;
}

}  // namespace

void readRaw(std::uint16_t port, Reading& reading)
{
    load::Peer peer({.port = port}, 1);
    peer.finishUpgrade();
    peer.queue(load::subscribeMessage({std::string(sourceTopic)}));
    peer.waitFor(R"("messageId":"00000002")");
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    ::epoll_event wanted{};
    wanted.events = EPOLLIN;
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, peer.socket(), &wanted) != 0) load::fail("epoll_ctl");
    static std::array<unsigned char, 64 * 1024> buffer;
    std::size_t held = 0;
    reading.begin();
    while (!reading.isComplete())
    {
        std::array<::epoll_event, 8> events;
        if (::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1) < 1) continue;
        const auto size = ::recv(peer.socket(), buffer.data() + held, buffer.size() - held, MSG_DONTWAIT);
        if (size <= 0) load::fail("the source has gone");
        held += static_cast<std::size_t>(size);
        std::size_t used = 0;
        std::int64_t frames = 0;
        while (const auto whole = frameSize(buffer.data() + used, held - used))
        {
            used += whole;
            ++frames;
        }
        held -= used;
        std::memmove(buffer.data(), buffer.data() + used, held);
        if (frames > 0) reading.took(frames);
    }
    ::close(poll);
}

}  // namespace bench
