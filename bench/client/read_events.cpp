#include "client/readers.hpp"
#include "client/source.hpp"
#include "load/peer.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace bench
{

namespace
{

using namespace strandcast;

void check(const std::optional<Delivery>& delivery, std::uint64_t number)
{
    const auto* const event = delivery ? std::get_if<EventMessage>(&*delivery) : nullptr;
    if (!event || event->sequenceNumber != number) load::fail(fmt::format("event {} is missing", number));
}

asio::awaitable<void> readAwaiting(EventStream<Delivery> events, Reading& reading)
{
    for (std::uint64_t number = 1; !reading.isComplete(); ++number)
    {
        const auto delivery = co_await events.next();
        check(delivery, number);
        reading.took(1);
    }
}

asio::awaitable<void> readTaking(EventStream<Delivery> events, Reading& reading)
{
    std::uint64_t number = 1;
    while (!reading.isComplete())
    {
        check(co_await events.next(), number++);
        reading.took(1);
        while (const auto delivery = events.tryNext())
        {
            check(delivery, number++);
            reading.took(1);
        }
    }
}

asio::awaitable<void> run(WSClient& client, Reading& reading, bool takesWhatIsThere)
{
    co_await client.connect();
    auto events = co_await client.subscribe(std::string(sourceTopic));
    reading.begin();
    co_await (takesWhatIsThere ? readTaking : readAwaiting)(std::move(events), reading);
    co_await client.disconnect();
}

}  // namespace

void readEvents(std::uint16_t port, Reading& reading, bool takesWhatIsThere)
{
    asio::io_context io(1);
    WSClient client(io, {.url = fmt::format("ws://127.0.0.1:{}", port)});
    asio::co_spawn(io, run(client, reading, takesWhatIsThere),
                   [](const std::exception_ptr& failure)
                   {
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run();
}

}  // namespace bench
