#include "support/descriptors.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/together.hpp"
#include "transport/listener.hpp"
#include "transport/memory.hpp"
#include "transport/stream.hpp"
#include "transport/tcp.hpp"

#include <strandcast/error.hpp>

#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <variant>

using namespace strandcast;

TEST_CASE("a stream in memory fails at the attempt that it is told, and is closed from then on")
{
    for (std::size_t failing = 1; failing <= 4; ++failing)
    {
        CAPTURE(failing);
        runStrand(
            [&](asio::io_context& io) -> Strand<>
            {
                auto ends = makeMemoryTransports(io.get_executor(), {.failingAttempt = failing});
                const std::string text = "x";
                const std::array pieces{std::as_bytes(std::span(text))};
                std::array<std::byte, 8> buffer;
                for (std::size_t attempt = 1; attempt < failing; ++attempt)
                    CHECK(ends.first->tryWrite(pieces).outcome == Transfer::Outcome::moved);
                const auto failed = ends.first->tryRead(buffer);
                CHECK(failed.outcome == Transfer::Outcome::failed);
                CHECK(failed.error == asio::error::connection_reset);
                CHECK(ends.first->tryWrite(pieces).outcome == Transfer::Outcome::failed);
                CHECK(ends.second->tryWrite(pieces).outcome == Transfer::Outcome::failed);
                co_return;
            });
    }
}

TEST_CASE("a listener says at which address and which port it is, and clients of it where they come from")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            const Listener listener(io.get_executor(), TcpAddress{"localhost", 0});
            const auto port = std::get<TcpAddress>(listener.address()).port;
            CHECK(port != 0);
            CHECK(formatListenAddress(listener.address()) == "127.0.0.1:" + std::to_string(port));
            const auto client = co_await connectTcp("localhost", port);
            CHECK(client->peerAddress() == "127.0.0.1:" + std::to_string(port));
        });
    CHECK(toString(StreamEndpoint(asio::ip::tcp::endpoint(asio::ip::make_address("::1"), 80))) == "[::1]:80");
}

TEST_CASE("a port in use, an address that is not this machine's and one that is none are addressUnavailable")
{
    asio::io_context io(1);
    const Listener listener(io.get_executor(), TcpAddress{});
    const auto expectUnavailable = [&](const std::string& host, std::uint16_t port)
    {
        CAPTURE(host);
        try
        {
            const Listener another(io.get_executor(), TcpAddress{host, port});
            FAIL("it listens");
        }
        catch (const Error& error)
        {
            CHECK(error.errc() == Errc::addressUnavailable);
            CHECK(std::string(error.what()).find(host) != std::string::npos);
        }
    };
    expectUnavailable("127.0.0.1", std::get<TcpAddress>(listener.address()).port);
    expectUnavailable("192.0.2.1", 0);
    expectUnavailable("nowhere", 0);
    expectUnavailable("", 0);
}

TEST_CASE("connecting where nobody listens is connectFailed, with the place in its text")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            std::uint16_t port = 0;
            {
                const Listener listener(io.get_executor(), TcpAddress{});
                port = std::get<TcpAddress>(listener.address()).port;
            }
            std::string what;
            try
            {
                co_await connectTcp("127.0.0.1", port);
            }
            catch (const Error& error)
            {
                CHECK(error.errc() == Errc::connectFailed);
                what = error.what();
            }
            CHECK(what.find("127.0.0.1:" + std::to_string(port)) != std::string::npos);
        });
}

TEST_CASE("who connected waits to write also where the process may open no further descriptor")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            Listener listener(io.get_executor(), TcpAddress{});
            const auto one = co_await connectTcp("127.0.0.1", std::get<TcpAddress>(listener.address()).port);
            co_await listener.wait();
            asio::error_code error;
            StreamTransport other(io.get_executor(), listener.tryAccept(error));
            const auto sent = noise(16 * 1024 * 1024);  // more than the two sockets hold
            const DescriptorLimit none(0);
            const auto expect = [](Transport& from, const std::string& bytes) -> Strand<>
            {
                const auto received = co_await readUntil(from, bytes.size());
                CHECK(received.bytes == bytes);
            };
            co_await together(writeAll(*one, sent), expect(other, sent));
        });
}
