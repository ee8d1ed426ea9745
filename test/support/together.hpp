#pragma once

#include "coro/task_group.hpp"

#include <strandcast/strand.hpp>

#include <asio/this_coro.hpp>

#include <concepts>
#include <utility>

/// Runs strands at the same time until all have ended. What one of them throws goes to who runs the
/// io_context, as the failure of a test should.
template <std::same_as<strandcast::Strand<>>... Strands>
strandcast::Strand<> together(Strands... strands)
{
    strandcast::TaskGroup group(co_await asio::this_coro::executor);
    (group.spawn(std::move(strands)), ...);
    co_await group.wait();
}
