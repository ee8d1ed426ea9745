// An echo server for a foreign conformance suite: text as text, binary as binary, on loopback.
//
//   ws-echo --port N [--deflate] [--max-message BYTES]

#include "coro/sleep.hpp"
#include "coro/task_group.hpp"
#include "echo.hpp"
#include "server/upgrade.hpp"
#include "transport/listener.hpp"
#include "transport/stream.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/random.hpp>

#include <asio/signal_set.hpp>
#include <asio/system_error.hpp>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string_view>

namespace
{

using namespace strandcast;

struct Arguments
{
    std::uint16_t port = 0;
    bool deflate = false;
    std::size_t maxMessage = 64 * 1024 * 1024;
};

template <typename Number>
bool read(std::string_view text, Number& number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

bool read(int count, char** words, Arguments& arguments)
{
    bool hasPort = false;
    for (int index = 1; index < count; ++index)
    {
        const std::string_view word = words[index];
        if (word == "--deflate")
            arguments.deflate = true;
        else if (word == "--port" && index + 1 < count && read(words[index + 1], arguments.port))
            hasPort = true, ++index;
        else if (word == "--max-message" && index + 1 < count && read(words[index + 1], arguments.maxMessage))
            ++index;
        else
            return false;
    }
    return hasPort;
}

class EchoServer
{
public:
    EchoServer(asio::io_context& io, const Arguments& arguments)
        : shard_(std::make_shared<Shard>(io.get_executor(), clock_, random_)),
          options_(conformance::connectionOptions(Role::server, arguments.maxMessage)),
          listener_(io.get_executor(), TcpAddress{"127.0.0.1", arguments.port}),
          strands_(io.get_executor())
    {
        upgrade_.origins.allowedOrigins = {"*"};
        if (arguments.deflate) upgrade_.deflate = conformance::deflateOptions();
        std::printf("ws-echo: listening on ws://%s\n", formatListenAddress(listener_.address()).c_str());
        std::fflush(stdout);
        strands_.spawn(Shard::sweep(shard_));
        strands_.spawn(accept());
    }

    void stop()
    {
        listener_.close();
        strands_.cancel();
    }

private:
    Strand<> accept()
    {
        using namespace std::chrono_literals;
        while (listener_.isOpen())
        {
            asio::error_code error;
            auto socket = listener_.tryAccept(error);
            if (error == asio::error::would_block)
                co_await listener_.wait();
            else if (error)
                co_await sleepFor(clock_, 100ms);  // out of descriptors, for example
            else
                strands_.spawn(
                    converse(std::make_unique<StreamTransport>(shard_->executor(), std::move(socket))));
        }
    }

    Strand<> converse(std::unique_ptr<Transport> transport)
    {
        try
        {
            auto accepted = co_await acceptUpgrade(*transport, upgrade_, shard_->readBuffer());
            if (!accepted) co_return;
            conformance::Echo echo(*shard_, std::move(transport), options_, accepted->deflate);
            static_cast<void>(co_await echo.run(std::move(accepted->received), accepted->response));
        }
        catch (const asio::system_error& failure)
        {
            // The peer's end, or ours.
            if (failure.code() != asio::error::operation_aborted)
                std::fprintf(stderr, "ws-echo: %s\n", failure.what());
        }
    }

    Clock& clock_ = Clock::system();
    Random& random_ = Random::system();
    std::shared_ptr<Shard> shard_;
    ConnectionOptions options_;
    UpgradeOptions upgrade_;
    Listener listener_;
    TaskGroup strands_;
};

}  // namespace

int main(int count, char** words)
{
    Arguments arguments;
    if (!read(count, words, arguments))
    {
        std::fputs("usage: ws-echo --port N [--deflate] [--max-message BYTES]\n", stderr);
        return 2;
    }
    try
    {
        asio::io_context io;
        EchoServer server(io, arguments);
        asio::signal_set signals(io, SIGINT, SIGTERM);
        signals.async_wait([&](asio::error_code, int) { server.stop(); });
        io.run();
    }
    catch (const std::exception& failure)
    {
        std::fprintf(stderr, "ws-echo: %s\n", failure.what());
        return 1;
    }
}
