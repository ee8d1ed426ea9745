#include "support/run.hpp"
#include "transport/listener.hpp"
#include "transport/socket_address.hpp"

#include <strandcast/error.hpp>
#include <strandcast/listen_address.hpp>

#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>
#include <variant>

using namespace strandcast;

namespace
{

std::string freshPath()
{
    static int number = 0;
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("strandcast-listen-{}-{}.sock", ::getpid(), ++number);
    std::filesystem::remove(path);
    return path;
}

std::string whyNot(asio::io_context& io, const ListenAddress& address)
{
    try
    {
        const Listener listener(io.get_executor(), address);
        return "it listens";
    }
    catch (const Error& error)
    {
        CHECK(error.errc() == Errc::addressUnavailable);
        return error.what();
    }
}

bool contains(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an address to listen on is read as it is written, and what is none is not read")
{
    for (const std::string text : {"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[::]:1", "localhost:8080",
                                   "unix:/run/a b.sock", "unix:relative", "fd:3", "fd:0"})
    {
        CAPTURE(text);
        const auto address = parseListenAddress(text);
        REQUIRE(address);
        CHECK(formatListenAddress(*address) == text);
    }
    CHECK((parseListenAddress("[::1]:7") == ListenAddress(TcpAddress{"::1", 7})));
    CHECK((parseListenAddress("unix:/a:7") == ListenAddress(UnixAddress{"/a:7"})));
    CHECK((parseListenAddress("fd:12") == ListenAddress(OpenSocket{12})));
    for (const std::string text :
         {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "::1:80",
          "[::1]", "[127.0.0.1]:80", "[localhost]:80", "example.com:80", "unix:", "fd:", "fd:-1", "fd:x",
          "fd:99999999999", "[]:80", "[:80"})
    {
        CAPTURE(text);
        CHECK_FALSE(parseListenAddress(text));
    }
}

TEST_CASE("a Unix socket's file is there while somebody listens, and goes with that")
{
    asio::io_context io(1);
    const auto path = freshPath();
    {
        Listener listener(io.get_executor(), UnixAddress{path});
        CHECK(formatListenAddress(listener.address()) == "unix:" + path);
        CHECK(std::filesystem::is_socket(path));
        CHECK(contains(whyNot(io, UnixAddress{path}), path));
        CHECK(std::filesystem::is_socket(path));
        listener.close();
        CHECK_FALSE(std::filesystem::exists(path));
        listener.close();
    }
    {
        const Listener again(io.get_executor(), UnixAddress{path});
        CHECK(std::filesystem::is_socket(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a socket file that nobody listens on is replaced, and any other file stays as it is")
{
    asio::io_context io(1);
    const auto path = freshPath();
    {
        asio::local::stream_protocol::acceptor abandoned(io, asio::local::stream_protocol::endpoint(path));
    }
    REQUIRE(std::filesystem::is_socket(path));
    CHECK(whyNot(io, UnixAddress{path}) == "it listens");
    CHECK_FALSE(std::filesystem::exists(path));

    std::ofstream(path) << "precious";
    CHECK(contains(whyNot(io, UnixAddress{path}), path));
    CHECK(std::filesystem::file_size(path) == 8);
    std::filesystem::remove(path);

    const auto target = freshPath();
    std::ofstream(target) << "precious";
    std::filesystem::create_symlink(target, path);
    CHECK(contains(whyNot(io, UnixAddress{path}), path));
    CHECK(std::filesystem::file_size(target) == 8);
    std::filesystem::remove(path);
    std::filesystem::remove(target);
}

TEST_CASE("a file that took the place of a Unix socket's own is not removed with it")
{
    asio::io_context io(1);
    const auto path = freshPath();
    std::optional<Listener> listener(std::in_place, io.get_executor(), UnixAddress{path});
    std::filesystem::remove(path);
    const Listener successor(io.get_executor(), UnixAddress{path});
    listener.reset();
    CHECK(std::filesystem::is_socket(path));
}

TEST_CASE("a path that is too long for a Unix socket, or empty, is addressUnavailable")
{
    asio::io_context io(1);
    CHECK(contains(whyNot(io, UnixAddress{std::string(200, 'a')}), "107"));
    CHECK(contains(whyNot(io, UnixAddress{""}), "107"));
    CHECK(contains(whyNot(io, UnixAddress{"/nowhere/at/all.sock"}), "/nowhere/at/all.sock"));
}

TEST_CASE("an open socket that listens is taken as it is, and stays open when listening ends")
{
    asio::io_context io(1);
    asio::ip::tcp::acceptor handed(io, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const auto port = handed.local_endpoint().port();
    {
        const Listener listener(io.get_executor(), OpenSocket{handed.native_handle()});
        CHECK(formatListenAddress(listener.address()) == fmt::format("127.0.0.1:{}", port));
    }
    asio::ip::tcp::socket client(io);
    client.connect(handed.local_endpoint());
    CHECK(handed.accept().is_open());
}

TEST_CASE("a descriptor that is no stream socket that listens is addressUnavailable")
{
    asio::io_context io(1);
    CHECK(contains(whyNot(io, OpenSocket{-1}), "fd:-1"));
    CHECK(contains(whyNot(io, OpenSocket{1'000'000}), "fd:1000000"));
    asio::ip::tcp::socket connecting(io, asio::ip::tcp::v4());
    CHECK(contains(whyNot(io, OpenSocket{connecting.native_handle()}), "listens"));
    CHECK(contains(whyNot(io, OpenSocket{0}), "fd:0"));
}

TEST_CASE("ports are shared where both say so, and not otherwise")
{
    asio::io_context io(1);
    const Listener first(io.get_executor(), TcpAddress{}, {.reusePort = true});
    CHECK(contains(whyNot(io, first.address()), "127.0.0.1"));
    const Listener second(io.get_executor(), first.address(), {.reusePort = true});
    CHECK((second.address() == first.address()));
}

TEST_CASE("every interface of IPv6 leaves IPv4 to others where it is told to")
{
    asio::io_context io(1);
    const Listener v4(io.get_executor(), TcpAddress{"0.0.0.0", 0});
    const auto port = std::get<TcpAddress>(v4.address()).port;
    const Listener v6(io.get_executor(), TcpAddress{"::", port}, {.onlyV6 = true});
    CHECK(formatListenAddress(v6.address()) == fmt::format("[::]:{}", port));
}
