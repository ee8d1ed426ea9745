#include "client/publishers.hpp"
#include "load/messages.hpp"
#include "load/peer.hpp"
#include "load/server_cpu.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

#include <array>
#include <exception>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace bench
{

namespace
{

using namespace strandcast;

constexpr std::string_view topic = "bench.0";

/// The publishers of one client.
class Crew
{
public:
    Crew(asio::io_context& io, const Publishing& work)
        : work_(work),
          io_(io),
          client_(io, {.url = fmt::format("ws://127.0.0.1:{}", work.port)}),
          seen_(work.publishes + 1)
    {
    }

    asio::awaitable<void> run()
    {
        co_await client_.connect();
        begin_ = cpu_.now();
        for (std::size_t place = 0; place < work_.window; ++place)
            asio::co_spawn(io_, publishUntilEnd(), rethrow);
    }

    static void rethrow(const std::exception_ptr& failure)
    {
        if (failure) std::rethrow_exception(failure);
    }

    [[nodiscard]] Nanoseconds used() const
    {
        if (acked_ != work_.publishes)
            load::fail(fmt::format("{} of {} publishes were acked", acked_, work_.publishes));
        return end_ - begin_;
    }

private:
    asio::awaitable<void> publishUntilEnd()
    {
        while (started_ < work_.publishes)
        {
            auto data = Json::fromValidText(load::eventData(started_++, work_.dataSize));
            const auto receipt = co_await client_.publish(std::string(topic), std::move(data));
            note(receipt.sequenceNumber.value_or(0));
        }
        if (acked_ == work_.publishes && end_ == 0) co_await leave();
    }

    asio::awaitable<void> leave()
    {
        end_ = cpu_.now();
        co_await client_.disconnect();
    }

    void note(std::uint64_t number)
    {
        if (number < 1 || number >= seen_.size() || seen_[number])
            load::fail(fmt::format("a receipt has number {}", number));
        seen_[number] = true;
        ++acked_;
    }

    const Publishing work_;
    asio::io_context& io_;
    WSClient client_;
    const load::ServerCpu cpu_{::getpid()};
    std::vector<bool> seen_;  // by the receipts' numbers
    std::uint64_t started_ = 0;
    std::uint64_t acked_ = 0;
    std::int64_t begin_ = 0;
    std::int64_t end_ = 0;
};

}  // namespace

Nanoseconds publishEvents(const Publishing& work)
{
    asio::io_context io(1);
    Crew crew(io, work);
    asio::co_spawn(io, crew.run(), Crew::rethrow);
    io.run();
    return crew.used();
}

Nanoseconds publishRaw(const Publishing& work)
{
    load::Peer peer({.port = work.port}, 1);
    peer.finishUpgrade();
    const load::ServerCpu cpu(::getpid());
    static std::array<char, 64 * 1024> buffer;
    const auto begin = cpu.now();
    std::uint64_t started = 0;
    std::uint64_t acked = 0;
    while (acked < work.publishes)
    {
        for (; started < work.publishes && started - acked < work.window; ++started)
            peer.queue(load::publishMessage(topic, started, work.dataSize));
        peer.flush();
        ::pollfd asked{peer.socket(), POLLIN, 0};
        if (::poll(&asked, 1, 30'000) <= 0) load::fail("no ack in 30 s");
        peer.read(buffer,
                  [&](std::string_view text)
                  {
                      if (load::isAck(text))
                          ++acked;
                      else if (text.find(R"("type":"version-negotiation")") == std::string_view::npos)
                          load::fail("no ack: " + std::string(text));
                  });
    }
    return cpu.now() - begin;
}

}  // namespace bench
