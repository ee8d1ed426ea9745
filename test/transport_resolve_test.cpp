#include "support/blocked_lookups.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "transport/resolve.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace strandcast;
using asio::ip::tcp;

namespace
{

using Endpoints = std::vector<tcp::endpoint>;

Strand<> resolveInto(std::shared_ptr<std::optional<Endpoints>> found, std::string host, Lookup lookup)
{
    *found = co_await resolve(std::move(host), 80, std::move(lookup));
}

/// A lookup that hangs until it is let go, and says that it came back.
struct Hanging
{
    std::shared_ptr<std::atomic<bool>> released = std::make_shared<std::atomic<bool>>(false);
    std::shared_ptr<std::atomic<int>> running = std::make_shared<std::atomic<int>>(0);

    [[nodiscard]] Lookup lookup() const
    {
        return [released = released, running = running](const std::string&, std::uint16_t port)
        {
            ++*running;
            released->wait(false);
            --*running;
            return Endpoints{tcp::endpoint(asio::ip::make_address("127.0.0.1"), port)};
        };
    }
    void release() const
    {
        *released = true;
        released->notify_all();
        while (*running > 0) std::this_thread::yield();
    }
    void awaitStart() const
    {
        while (*running == 0) std::this_thread::yield();
    }
};

}  // namespace

TEST_CASE("an address in numbers is not looked up")
{
    runStrand(
        [](asio::io_context&) -> Strand<>
        {
            const Lookup never = [](const std::string&, std::uint16_t) -> Endpoints
            { throw std::logic_error("looked up"); };
            const auto four = co_await resolve("127.0.0.1", 80, never);
            CHECK(four == Endpoints{tcp::endpoint(asio::ip::make_address("127.0.0.1"), 80)});
            const auto six = co_await resolve("::1", 81, never);
            CHECK(six == Endpoints{tcp::endpoint(asio::ip::make_address("::1"), 81)});
        });
}

TEST_CASE("a name has the addresses that the lookup finds, in its order")
{
    runStrand(
        [](asio::io_context&) -> Strand<>
        {
            const Endpoints both{tcp::endpoint(asio::ip::make_address("::1"), 7),
                                 tcp::endpoint(asio::ip::make_address("127.0.0.1"), 7)};
            const auto found = co_await resolve("twin", 7, [both](const std::string& host, std::uint16_t port)
                                                { return host == "twin" && port == 7 ? both : Endpoints(); });
            CHECK(found == both);
            const auto local = co_await resolve("localhost", 7);
            REQUIRE_FALSE(local.empty());
            for (const auto& endpoint : local)
            {
                CHECK(endpoint.address().is_loopback());
                CHECK(endpoint.port() == 7);
            }
        });
}

TEST_CASE("a name without an address is named with the cause")
{
    runStrand(
        [](asio::io_context&) -> Strand<>
        {
            const Lookup failing = [](const std::string&, std::uint16_t) -> Endpoints
            { throw std::runtime_error("Name or service not known"); };
            const auto failed = co_await outcomeOf(resolve("nowhere", 80, failing));
            CHECK(failed.errc == Errc::connectFailed);
            CHECK(failed.text == "cannot resolve nowhere: Name or service not known");
            const auto empty = co_await outcomeOf(
                resolve("nothing", 80, [](const std::string&, std::uint16_t) { return Endpoints(); }));
            CHECK(empty.errc == Errc::connectFailed);
        });
}

TEST_CASE("a cancelled strand leaves a lookup that hangs, and so does its io_context")
{
    const Hanging hanging;
    const auto found = std::make_shared<std::optional<Endpoints>>();
    {
        asio::io_context io(1);
        asio::cancellation_signal cancel;
        bool ended = false;
        asio::co_spawn(io.get_executor(), resolveInto(found, "slow", hanging.lookup()),
                       asio::bind_cancellation_slot(cancel.slot(),
                                                    [&](std::exception_ptr failure)
                                                    {
                                                        CHECK(failure);
                                                        ended = true;
                                                    }));
        io.poll();
        CHECK_FALSE(ended);
        hanging.awaitStart();
        cancel.emit(asio::cancellation_type::terminal);
        io.run();  // nothing holds it
        CHECK(ended);
    }
    hanging.release();
    CHECK_FALSE(*found);
}

TEST_CASE("a lookup that comes back after its io_context has gone touches nothing of it")
{
    for (int round = 0; round < 50; ++round)
    {
        const Hanging hanging;
        const auto found = std::make_shared<std::optional<Endpoints>>();
        auto io = std::make_unique<asio::io_context>(1);
        asio::co_spawn(io->get_executor(), resolveInto(found, "slow", hanging.lookup()),
                       [](std::exception_ptr) {});
        io->poll();
        hanging.awaitStart();
        // In half of the rounds both happen at once.
        std::thread releasing;
        if (round % 2 == 0) releasing = std::thread([&] { hanging.release(); });
        io.reset();
        if (releasing.joinable())
            releasing.join();
        else
            hanging.release();
        CHECK_FALSE(*found);
    }
}

TEST_CASE("lookups that wait for a thread go on when one is free, and those called off are never made")
{
    asio::io_context io(1);
    int lookups = 0;
    const Lookup counting = [&](const std::string&, std::uint16_t port)
    {
        ++lookups;
        return Endpoints{tcp::endpoint(asio::ip::make_address("127.0.0.1"), port)};
    };
    const auto found = std::make_shared<std::optional<Endpoints>>();
    {
        const BlockedLookups blocked;
        asio::cancellation_signal cancel;
        asio::co_spawn(io.get_executor(), resolveInto(found, "called off", counting),
                       asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr) {}));
        io.poll();
        cancel.emit(asio::cancellation_type::terminal);
        io.run();
        io.restart();
        asio::co_spawn(io.get_executor(), resolveInto(found, "waits", counting),
                       [](std::exception_ptr failure) { CHECK_FALSE(failure); });
        io.poll();
        CHECK_FALSE(*found);
    }
    io.run();
    CHECK(*found);
    CHECK(lookups == 1);
}
