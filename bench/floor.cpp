// The floor: what the kernel charges for a delivery, and nothing else. A raw epoll server without coroutines,
// JSON or routing, that speaks just enough of the protocol for bench/load: the upgrade, and messages in
// exactly the shape that the load sends. An event frame is built once per publish and written to every socket
// that subscribed to its topic:
//   each       one send() per socket and event
//   coalesced  all that is pending for a socket in one writev per turn of the loop
//
//   floor PORT each|coalesced     listens on loopback, prints the port, serves until its standard input ends

#include "websocket/handshake_key.hpp"
#include "websocket/mask.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netinet/tcp.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace
{

using Frame = std::shared_ptr<const std::string>;

[[noreturn]] void die(const char* what)
{
    std::perror(what);
    std::exit(1);
}

struct Connection
{
    int socket = -1;
    bool upgraded = false;
    bool dirty = false;
    bool blocked = false;
    std::string received;        // what is incomplete
    std::vector<Frame> pending;  // events
    std::size_t sent = 0;        // of the first of them
    std::string answers;
};

class Floor
{
public:
    Floor(std::uint16_t port, bool coalesces) : coalesces_(coalesces), poll_(::epoll_create1(0))
    {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(listener_, reinterpret_cast<::sockaddr*>(&address), sizeof address) != 0) die("bind");
        if (::listen(listener_, 4096) != 0) die("listen");
        ::socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<::sockaddr*>(&address), &size);
        std::printf("%u\n", ntohs(address.sin_port));
        std::fflush(stdout);
        watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
        watch(STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
    }

    void run()
    {
        std::array<::epoll_event, 512> events;
        for (;;)
        {
            const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
            for (int index = 0; index < count; ++index)
            {
                const auto& event = events[static_cast<std::size_t>(index)];
                if (event.data.fd == STDIN_FILENO) return;
                if (event.data.fd == listener_)
                    acceptAll();
                else
                    serve(event.data.fd, event.events);
            }
            for (const int socket : dirty_)
                if (auto& connection = connections_[static_cast<std::size_t>(socket)]) flush(*connection);
            dirty_.clear();
        }
    }

private:
    void watch(int socket, std::uint32_t what, int how) const
    {
        ::epoll_event event{};
        event.events = what;
        event.data.fd = socket;
        if (::epoll_ctl(poll_, how, socket, &event) != 0 && errno != EPERM) die("epoll_ctl");
    }

    void acceptAll()
    {
        for (;;)
        {
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (socket < 0) return;
            const int on = 1;
            ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (connections_.size() <= static_cast<std::size_t>(socket))
                connections_.resize(static_cast<std::size_t>(socket) + 1);
            auto& connection = connections_[static_cast<std::size_t>(socket)];
            connection = std::make_unique<Connection>();
            connection->socket = socket;
            watch(socket, EPOLLIN, EPOLL_CTL_ADD);
        }
    }

    void serve(int socket, std::uint32_t what)
    {
        auto& connection = *connections_[static_cast<std::size_t>(socket)];
        if (what & EPOLLOUT)
        {
            connection.blocked = false;
            watch(socket, EPOLLIN, EPOLL_CTL_MOD);
            flush(connection);
        }
        if (!(what & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
        const auto size = ::recv(socket, buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) return drop(socket);
        received(connection, std::span(buffer_).first(static_cast<std::size_t>(size)));
    }

    void drop(int socket)
    {
        for (auto& [topic, subscribers] : topics_) std::erase(subscribers, socket);
        ::close(socket);
        connections_[static_cast<std::size_t>(socket)] = nullptr;
    }

    void received(Connection& connection, std::span<char> bytes)
    {
        if (!connection.received.empty())
        {
            connection.received.append(bytes.data(), bytes.size());
            const auto used = connection.upgraded ? frames(connection, connection.received)
                                                  : upgrade(connection, connection.received);
            connection.received.erase(0, used);
            return;
        }
        const auto used = connection.upgraded ? frames(connection, bytes)
                                              : upgrade(connection, {bytes.data(), bytes.size()});
        if (used < bytes.size()) connection.received.assign(bytes.data() + used, bytes.size() - used);
    }

    std::size_t upgrade(Connection& connection, std::string_view head)
    {
        const auto end = head.find("\r\n\r\n");
        if (end == std::string_view::npos) return 0;
        constexpr std::string_view name = "Sec-WebSocket-Key: ";
        const auto key = head.substr(head.find(name) + name.size(), 24);
        connection.upgraded = true;
        connection.answers +=
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: ";
        connection.answers += strandcast::acceptKey(key);
        connection.answers += "\r\n\r\n";
        touch(connection);
        return end + 4;
    }

    std::size_t frames(Connection& connection, std::span<char> bytes)
    {
        std::size_t used = 0;
        for (;;)
        {
            const auto rest = bytes.subspan(used);
            if (rest.size() < 2) return used;
            std::size_t header = 2;
            std::size_t size = static_cast<unsigned char>(rest[1]) & 0x7F;
            if (size == 126)
            {
                if (rest.size() < 4) return used;
                size = static_cast<std::size_t>(static_cast<unsigned char>(rest[2])) << 8 |
                       static_cast<unsigned char>(rest[3]);
                header = 4;
            }
            if (size == 127) die("a message of more than 64 KiB");
            if (rest.size() < header + 4 + size) return used;
            strandcast::Mask mask;
            std::memcpy(mask.data(), rest.data() + header, mask.size());
            const auto payload = rest.subspan(header + 4, size);
            strandcast::applyMask(std::as_writable_bytes(payload), mask);
            if ((rest[0] & 0x0F) == 1) message(connection, {payload.data(), payload.size()});
            used += header + 4 + size;
        }
    }

    // {"id":"12345678","type":"publish",...
    void message(Connection& connection, std::string_view text)
    {
        constexpr std::size_t idAt = 7;
        constexpr std::size_t typeAt = idAt + 8 + 10;
        const auto id = text.substr(idAt, 8);
        const char type = text[typeAt];
        if (type == 'p') publish(text);
        if (type == 's') subscribe(connection, text);
        acknowledge(connection, id);
    }

    static std::string_view between(std::string_view text, std::string_view from, std::string_view to)
    {
        const auto begin = text.find(from) + from.size();
        return text.substr(begin, text.find(to, begin) - begin);
    }

    void subscribe(Connection& connection, std::string_view text)
    {
        auto list = between(text, "\"topics\":[", "]");
        while (!list.empty())
        {
            const auto topic = list.substr(1, list.find('"', 1) - 1);
            topics_[std::string(topic)].push_back(connection.socket);
            list.remove_prefix(std::min(list.size(), topic.size() + 3));
        }
    }

    static void beginFrame(std::string& frame, std::size_t size)
    {
        frame += '\x81';
        if (size < 126)
            frame += static_cast<char>(size);
        else
        {
            frame += '\x7e';
            frame += static_cast<char>(size >> 8);
            frame += static_cast<char>(size);
        }
    }

    void publish(std::string_view text)
    {
        const auto topic = between(text, "\"topic\":\"", "\"");
        const auto data = text.substr(text.find("\"data\":") + 7);  // with the object's own brace at the end
        constexpr std::string_view begin =
            R"({"id":"1700000000000-abcdefghi","type":"event","version":"1.0.0","timestamp":1700000000000,"topic":")";
        constexpr std::string_view middle = R"(","data":)";
        constexpr std::string_view end = R"(,"sequenceNumber":100000})";
        auto frame = std::make_shared<std::string>();
        const auto size = begin.size() + topic.size() + middle.size() + data.size() - 1 + end.size();
        frame->reserve(size + 4);
        beginFrame(*frame, size);
        frame->append(begin).append(topic).append(middle).append(data.substr(0, data.size() - 1)).append(end);
        const auto found = topics_.find(std::string(topic));
        if (found != topics_.end()) fanOut(found->second, std::move(frame));
    }

    void fanOut(const std::vector<int>& subscribers, Frame frame)
    {
        for (const int socket : subscribers)
        {
            auto& connection = *connections_[static_cast<std::size_t>(socket)];
            if (!coalesces_ && connection.pending.empty())
            {
                const auto size = ::send(socket, frame->data(), frame->size(), MSG_NOSIGNAL | MSG_DONTWAIT);
                if (size == static_cast<::ssize_t>(frame->size())) continue;
                connection.sent = size > 0 ? static_cast<std::size_t>(size) : 0;
            }
            connection.pending.push_back(frame);
            touch(connection);
        }
    }

    void acknowledge(Connection& connection, std::string_view id)
    {
        constexpr std::string_view begin =
            R"({"id":"1700000000000-abcdefghi","type":"ack","version":"1.0.0","timestamp":1700000000000,"messageId":")";
        constexpr std::string_view end = R"(","success":true})";
        beginFrame(connection.answers, begin.size() + id.size() + end.size());
        connection.answers.append(begin).append(id).append(end);
        touch(connection);
    }

    void touch(Connection& connection)
    {
        if (connection.dirty) return;
        connection.dirty = true;
        dirty_.push_back(connection.socket);
    }

    void flush(Connection& connection)
    {
        connection.dirty = false;
        if (connection.blocked) return;
        std::array<::iovec, 128> pieces;
        std::size_t gone = 0;  // events
        while (!connection.answers.empty() || gone < connection.pending.size())
        {
            std::size_t count = 0;
            std::size_t wanted = 0;
            const auto add = [&](const std::string& bytes, std::size_t from)
            {
                // writev does not write there
                pieces[count++] = {const_cast<char*>(bytes.data()) + from, bytes.size() - from};
                wanted += bytes.size() - from;
            };
            std::size_t next = gone;
            if (connection.sent > 0) add(*connection.pending[next++], connection.sent);
            if (!connection.answers.empty()) add(connection.answers, 0);
            for (; next < connection.pending.size() && count < pieces.size(); ++next)
                add(*connection.pending[next], 0);
            ::msghdr message{};
            message.msg_iov = pieces.data();
            message.msg_iovlen = count;
            const auto size = ::sendmsg(connection.socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (size < 0 && errno != EAGAIN) return;  // its reading will tell
            auto left = size < 0 ? 0 : static_cast<std::size_t>(size);
            const bool isAll = left == wanted;
            if (connection.sent > 0) consume(connection, gone, left);
            const auto answered = std::min(left, connection.answers.size());
            connection.answers.erase(0, answered);
            left -= answered;
            while (left > 0) consume(connection, gone, left);
            if (isAll) continue;
            connection.blocked = true;
            watch(connection.socket, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            break;
        }
        connection.pending.erase(connection.pending.begin(),
                                 connection.pending.begin() + static_cast<std::ptrdiff_t>(gone));
    }

    static void consume(Connection& connection, std::size_t& gone, std::size_t& left)
    {
        const auto size = connection.pending[gone]->size() - connection.sent;
        const auto taken = std::min(left, size);
        left -= taken;
        connection.sent += taken;
        if (taken < size) return;
        connection.sent = 0;
        ++gone;
    }

    bool coalesces_;
    int poll_;
    int listener_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;  // by their sockets
    std::unordered_map<std::string, std::vector<int>> topics_;
    std::vector<int> dirty_;
    std::array<char, 64 * 1024> buffer_;
};

}  // namespace

int main(int count, char** arguments)
{
    const std::string_view kind = count == 3 ? arguments[2] : "";
    if (kind != "each" && kind != "coalesced")
    {
        std::fputs("usage: floor PORT each|coalesced\n", stderr);
        return 2;
    }
    Floor floor(static_cast<std::uint16_t>(std::atoi(arguments[1])), kind == "coalesced");
    floor.run();
}
