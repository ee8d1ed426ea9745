// The way of an event through a server, over streams in memory: no kernel, no network, and the same work in
// every run, so that callgrind's count of instructions can be compared (instructions.py).
//
//   hot_path SUBSCRIBERS PUBLISHES             prints how often memory was asked for
//   hot_path SUBSCRIBERS PUBLISHES compressed  the same with permessage-deflate, and how often zlib was
//   called

#include "router/router_parts.hpp"
#include "server/server_parts.hpp"
#include "transport/memory.hpp"
#include "websocket/frame.hpp"

#include <strandcast/clock.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <dlfcn.h>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::size_t allocations = 0;
std::size_t deflates = 0;

}  // namespace

// In front of zlib's own, for all that is linked here: what one call makes of a message fits into its output.
extern "C" int deflate(::z_stream* stream, int flush)
{
    static const auto real = reinterpret_cast<int (*)(::z_stream*, int)>(::dlsym(RTLD_NEXT, "deflate"));
    ++deflates;
    return real(stream, flush);
}

void* operator new(std::size_t size)
{
    ++allocations;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

/// All that is counted: callgrind knows it by its name.
extern "C" [[gnu::noinline]] void hotPath(asio::io_context& io)
{
    io.restart();
    io.poll();
}

namespace
{

/// A clock that stands still: nothing sweeps meanwhile, whatever the machine does.
struct StillClock final : Clock
{
    [[nodiscard]] time_point now() const noexcept override { return time_point(std::chrono::hours(1)); }
    [[nodiscard]] std::chrono::system_clock::time_point systemNow() const noexcept override
    {
        return std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
    }
    void arm(Timer&, time_point) override {}
} stillClock;

constexpr std::size_t publishesPerTurn = 16;

std::string upgrade(bool isCompressed)
{
    std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (isCompressed) request += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    return request + "\r\n";
}

std::string frame(std::string_view text)
{
    std::array<std::byte, maxFrameHeaderSize> header;
    const auto size = encodeFrameHeader({.mask = makeMask(0), .payloadSize = text.size()}, header);
    std::string bytes(reinterpret_cast<const char*>(header.data()), size);
    return bytes.append(text);
}

std::string request(std::string_view type, std::size_t number, std::string_view fields)
{
    return frame(fmt::format(R"({{"id":"{}","type":"{}","version":"1.0.0","timestamp":1700000000000,{}}})",
                             1'000'000 + number, type, fields));
}

void require(bool isSo, const char* what)
{
    if (isSo) return;
    fmt::print(stderr, "hot_path: {}\n", what);
    std::exit(1);
}

void write(Transport& peer, std::string_view bytes)
{
    const std::array pieces{std::as_bytes(std::span(bytes))};
    const auto moved = peer.tryWrite(pieces);
    require(moved.outcome == Transfer::Outcome::moved && moved.size == bytes.size(), "a request did not fit");
}

/// Reads what has come for a peer, and tells how many bytes.
std::size_t drain(Transport& peer)
{
    static std::array<std::byte, 64 * 1024> buffer;
    std::size_t size = 0;
    for (;;)
    {
        const auto moved = peer.tryRead(buffer);
        if (moved.outcome != Transfer::Outcome::moved) return size;
        size += moved.size;
    }
}

/// A server with a router, its subscribers and one who publishes.
class Crowd
{
public:
    Crowd(std::size_t subscribers, bool isCompressed) : isCompressed_(isCompressed)
    {
        if (isCompressed) body_.insert(body_.size() - 1, 1'000, 'y');
        asio::co_spawn(io_, ServerCore::join(server_.all().front(), 1),
                       [](std::exception_ptr failure) { require(!failure, "the server did not begin"); });
        turn();
        publisher_ = connect(false);
        for (std::size_t number = 0; number < subscribers; ++number)
        {
            // Every other one, so that frames of both kinds are asked for in turn.
            subscribers_.push_back(connect(isCompressed && number % 2 == 0));
            write(*subscribers_.back(), request("subscribe", number, R"("topics":["agent.7.status"])"));
        }
        turn();
        for (const auto& one : subscribers_) require(drain(*one) > 0, "a subscription was not acknowledged");
    }

    ~Crowd()
    {
        router_.abandon();
        server_.abandon();
        turn();
    }

    /// Gives how many bytes the subscribers received.
    std::size_t publish(std::size_t count)
    {
        std::size_t received = 0;
        std::string batch;
        for (std::size_t number = 0; number < count;)
        {
            batch.clear();
            for (std::size_t next = 0; next < publishesPerTurn && number < count; ++next, ++number)
                batch += request("publish", number, body_);
            write(*publisher_, batch);
            const Counts before = {allocations, deflates};
            hotPath(io_);
            counted_.allocations += allocations - before.allocations;
            counted_.deflates += deflates - before.deflates;
            require(drain(*publisher_) > 0, "a publish was not acknowledged");
            for (const auto& one : subscribers_) received += drain(*one);
        }
        return received;
    }

    struct Counts
    {
        std::size_t allocations = 0;
        std::size_t deflates = 0;
    };
    [[nodiscard]] Counts takeCounts() noexcept { return std::exchange(counted_, {}); }

private:
    std::unique_ptr<Transport> connect(bool isCompressed)
    {
        auto ends = makeMemoryTransports(io_.get_executor());
        ServerCore::serve(server_.all().front(), std::move(ends.first));
        write(*ends.second, upgrade(isCompressed));
        turn();
        require(drain(*ends.second) > 0, "a peer was not let in");
        return std::move(ends.second);
    }

    void turn()
    {
        io_.restart();
        io_.poll();
    }

    const bool isCompressed_;
    std::string body_ = R"("topic":"agent.7.status","data":")" + std::string(100, 'x') + '"';
    asio::io_context io_;
    ServerParts server_{io_.get_executor(),
                        {.rateLimit = std::nullopt,
                         .deflate = isCompressed_ ? std::optional(DeflateOptions()) : std::nullopt,
                         .clock = &stillClock}};
    RouterParts router_{server_, {}};
    std::unique_ptr<Transport> publisher_;
    std::vector<std::unique_ptr<Transport>> subscribers_;
    Counts counted_;
};

}  // namespace

int main(int count, char** arguments)
{
    const bool isCompressed = count == 4 && std::string_view(arguments[3]) == "compressed";
    require(count == 3 || isCompressed, "SUBSCRIBERS and PUBLISHES are expected, and perhaps: compressed");
    const auto subscribers = static_cast<std::size_t>(std::atoll(arguments[1]));
    const auto publishes = static_cast<std::size_t>(std::atoll(arguments[2]));
    Crowd crowd(subscribers, isCompressed);
    const auto warm = crowd.publish(publishes);
    static_cast<void>(crowd.takeCounts());
    const auto received = crowd.publish(publishes);
    // What tells events apart does not compress.
    const auto least = subscribers * publishes * (isCompressed ? 50 : 100);
    require(warm > least && received > least, "a subscriber did not get all events");
    const auto counts = crowd.takeCounts();
    fmt::print("{{\"publishes\":{},\"allocations\":{},\"deflates\":{}}}\n", publishes, counts.allocations,
               counts.deflates);
    return 0;
}
