// A program of somebody else's, which ../installed.py and ../subproject.py build: all that it knows is the
// dependency.
#include <strandcast/clock.hpp>
#include <strandcast/error.hpp>
#include <strandcast/message_serializer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <cstdio>

namespace
{

asio::awaitable<void> say()
{
    std::puts(strandcast::Error(strandcast::Errc::timedOut).what());
    co_return;
}

}  // namespace

int main()
{
    asio::io_context io;
    asio::co_spawn(io, say(), asio::detached);
    return io.run() > 0 ? 0 : 1;
}
