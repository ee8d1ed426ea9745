#include "transport/unix_socket.hpp"

#include "transport/outgoing_stream.hpp"
#include "transport/socket_address.hpp"

#include <strandcast/error.hpp>

#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <utility>

namespace strandcast
{

namespace
{

[[noreturn]] void fail(const std::string& path, const asio::error_code& error)
{
    if (error == asio::error::operation_aborted) throw asio::system_error(error);
    throw Error(Errc::connectFailed, fmt::format("cannot connect to unix:{}: {}", path, error.message()));
}

asio::local::stream_protocol::endpoint endpointOf(const std::string& path)
{
    try
    {
        return {path};
    }
    catch (const asio::system_error& failure)
    {
        fail(path, failure.code());  // longer than a socket's may be
    }
}

}  // namespace

Strand<std::unique_ptr<Transport>> connectUnix(std::string path)
{
    StreamSocket socket(co_await asio::this_coro::executor);
    const StreamEndpoint endpoint = endpointOf(path);
    asio::error_code error;
    co_await socket.async_connect(endpoint, asio::redirect_error(useStrand, error));
    if (error) fail(path, error);
    co_return std::make_unique<OutgoingStream>(std::move(socket));
}

}  // namespace strandcast
