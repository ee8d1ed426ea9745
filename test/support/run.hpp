#pragma once

#include <strandcast/strand.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <functional>

/// Runs `test` as a coroutine on an io_context of its own until it and all that it started have ended. The
/// limit is for a test that hangs, never a thing to wait for.
inline void runToEnd(std::function<asio::awaitable<void>(asio::io_context&)> test,
                     std::chrono::seconds limit = std::chrono::seconds(60))
{
    asio::io_context io(1);
    bool done = false;
    asio::co_spawn(io, test(io),
                   [&](std::exception_ptr failure)
                   {
                       done = true;
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run_for(limit);
    REQUIRE_MESSAGE(done, "the test did not end within its limit");
    REQUIRE_MESSAGE(io.stopped(), "the test left something running");
}

/// The same for a test that is a strand.
inline void runStrand(std::function<strandcast::Strand<>(asio::io_context&)> test,
                      std::chrono::seconds limit = std::chrono::seconds(60))
{
    asio::io_context io(1);
    bool done = false;
    asio::co_spawn(io.get_executor(), test(io),
                   [&](std::exception_ptr failure)
                   {
                       done = true;
                       if (failure) std::rethrow_exception(failure);
                   });
    io.run_for(limit);
    REQUIRE_MESSAGE(done, "the test did not end within its limit");
    REQUIRE_MESSAGE(io.stopped(), "the test left something running");
}
