#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace example
{

/// Runs `body` to its end, and gives the exit code of the program: 1, with the reason, where it throws.
inline int run(const std::function<asio::awaitable<void>(asio::io_context&)>& body)
{
    asio::io_context io;
    int code = 0;
    asio::co_spawn(io, body(io),
                   [&](const std::exception_ptr& failure)
                   {
                       try
                       {
                           if (failure) std::rethrow_exception(failure);
                       }
                       catch (const std::exception& error)
                       {
                           fmt::print(stderr, "{}\n", error.what());
                           code = 1;
                       }
                   });
    io.run();
    return code;
}

/// An example is a test as well: this is what it promises.
inline void require(bool isSo, const std::string& what)
{
    if (!isSo) throw std::runtime_error("not so: " + what);
}

}  // namespace example
