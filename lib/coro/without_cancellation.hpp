#pragma once

#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>

namespace strandcast
{

/// From here on the strand only waits for ends that are certain, and cancelling it does nothing.
[[nodiscard]] inline auto withoutCancellation()
{
    return asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

}  // namespace strandcast
