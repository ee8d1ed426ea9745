#include "client/readers.hpp"
#include "client/source.hpp"
#include "load/peer.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

#include <exception>
#include <string>
#include <variant>

namespace bench
{

namespace
{

using namespace strandcast;

asio::awaitable<void> read(WSClient& client, Reading& reading)
{
    co_await client.connect();
    auto events = co_await client.subscribe(std::string(sourceTopic));
    reading.begin();
    for (std::uint64_t number = 1; !reading.isComplete(); ++number)
    {
        const auto delivery = co_await events.next();
        const auto* const event = delivery ? std::get_if<EventMessage>(&*delivery) : nullptr;
        if (!event || event->sequenceNumber != number) load::fail(fmt::format("event {} is missing", number));
        reading.took(1);
    }
    co_await client.disconnect();
}

}  // namespace

void readEvents(std::uint16_t port, Reading& reading)
{
    asio::io_context io(1);
    WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", port)});
    asio::co_spawn(io, read(client, reading),
                   [](const std::exception_ptr& failure)
                   {
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run();
}

}  // namespace bench
