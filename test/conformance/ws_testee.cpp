// A client for a foreign conformance suite, by the custom of such suites: it asks URL/getCaseCount, echoes
// whatever comes on URL/runCase?case=I&agent=AGENT for each case, and has URL/updateReports?agent=AGENT write
// them down.
//
//   ws-testee URL AGENT

#include "client/open_websocket.hpp"
#include "client/url.hpp"
#include "echo.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/random.hpp>

#include <asio/co_spawn.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace
{

using namespace strandcast;

constexpr std::size_t maxMessage = 64 * 1024 * 1024;

/// What may stand in a query (RFC 3986, section 2): an agent's name may be any text.
std::string escaped(std::string_view text)
{
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    std::string out;
    for (const char character : text)
    {
        if (plain.find(character) != std::string_view::npos)
            out += character;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(character));
    }
    return out;
}

/// Keeps the last text that comes.
class Listener final : public ConnectionHandler
{
public:
    void onText(std::string_view text) override { text_ = text; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

class Testee
{
public:
    Testee(asio::io_context& io, std::string url, std::string_view agent)
        : shard_(std::make_shared<Shard>(io.get_executor(), clock_, random_)),
          options_(conformance::connectionOptions(Role::client, maxMessage)),
          url_(std::move(url)),
          agent_(escaped(agent)),
          sweep_(io.get_executor())
    {
        while (url_.ends_with('/')) url_.pop_back();
        sweep_.spawn(Shard::sweep(shard_));
    }

    Strand<> run()
    {
        const auto cases = co_await countCases();
        std::printf("ws-testee: %u cases\n", cases);
        for (unsigned number = 1; number <= cases; ++number)
        {
            co_await runCase(number);
            std::printf("ws-testee: case %u of %u\n", number, cases);
            std::fflush(stdout);
        }
        static_cast<void>(co_await listen("/updateReports?agent=" + agent_));
        sweep_.cancel();
    }

private:
    [[nodiscard]] Strand<OpenedWebSocket> open(std::string target)
    {
        OpenOptions options;
        options.deflate = conformance::deflateOptions();
        return openWebSocket(Url::parse(url_ + target), random_, std::move(options));
    }

    Strand<std::string> listen(std::string target)
    {
        auto opened = co_await open(std::move(target));
        Listener listener;
        PeerConnection connection(*shard_, std::move(opened.transport), options_, listener);
        if (opened.deflate) connection.compress(*opened.deflate, deflate_);
        static_cast<void>(co_await connection.run(std::move(opened.received)));
        co_return listener.text();
    }

    Strand<unsigned> countCases()
    {
        const auto text = co_await listen("/getCaseCount");
        unsigned count = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (error != std::errc()) throw std::runtime_error("no count of cases: '" + text + "'");
        co_return count;
    }

    // A case may well be one in which the handshake or the connection fails.
    Strand<> runCase(unsigned number)
    {
        try
        {
            auto opened = co_await open("/runCase?case=" + std::to_string(number) + "&agent=" + agent_);
            conformance::Echo echo(*shard_, std::move(opened.transport), options_, opened.deflate);
            static_cast<void>(co_await echo.run(std::move(opened.received)));
        }
        catch (const std::exception& failure)
        {
            std::fprintf(stderr, "ws-testee: case %u: %s\n", number, failure.what());
        }
    }

    Clock& clock_ = Clock::system();
    Random& random_ = Random::system();
    std::shared_ptr<Shard> shard_;
    ConnectionOptions options_;
    DeflateOptions deflate_ = conformance::deflateOptions();
    std::string url_;
    std::string agent_;
    TaskGroup sweep_;
};

}  // namespace

int main(int count, char** words)
{
    if (count != 3)
    {
        std::fputs("usage: ws-testee URL AGENT\n", stderr);
        return 2;
    }
    try
    {
        asio::io_context io;
        Testee testee(io, words[1], words[2]);
        std::exception_ptr failure;
        asio::co_spawn(io, testee.run(), [&](std::exception_ptr ended) { failure = ended; });
        io.run();
        if (failure) std::rethrow_exception(failure);
    }
    catch (const std::exception& failure)
    {
        std::fprintf(stderr, "ws-testee: %s\n", failure.what());
        return 1;
    }
}
