#include "transport/tcp.hpp"

#include "transport/outgoing_stream.hpp"
#include "transport/resolve.hpp"

#include <strandcast/error.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <utility>

namespace strandcast
{

namespace
{

void throwIfCancelled(const asio::error_code& error)
{
    if (error == asio::error::operation_aborted) throw asio::system_error(error);
}

}  // namespace

Strand<std::unique_ptr<Transport>> connectTcp(std::string host, std::uint16_t port)
{
    const auto addresses = co_await resolve(host, port);
    asio::basic_stream_socket<asio::ip::tcp, ShardExecutor> socket(co_await asio::this_coro::executor);
    asio::error_code error;
    for (const auto& address : addresses)
    {
        // One by one: for all at once Asio takes a socket that could not be opened for one that was closed.
        asio::error_code ignored;
        socket.close(ignored);
        co_await socket.async_connect(address, asio::redirect_error(useStrand, error));
        throwIfCancelled(error);
        if (!error) break;
    }
    if (error)
        throw Error(Errc::connectFailed,
                    fmt::format("cannot connect to {}:{}: {}", host, port, error.message()));
    co_return std::make_unique<OutgoingStream>(StreamSocket(std::move(socket)));
}

}  // namespace strandcast
