#pragma once

#include "coro/signal.hpp"

#include <strandcast/strand.hpp>

#include <asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace strandcast
{

/// A count of changes that one shard makes and that coroutines of any executor wait for.
class ChangeSignal
{
public:
    explicit ChangeSignal(ShardExecutor executor);
    ~ChangeSignal();
    ChangeSignal(const ChangeSignal&) = delete;
    ChangeSignal& operator=(const ChangeSignal&) = delete;

    /// On the shard's thread.
    void change() noexcept;
    void changeFromAnyThread();

    [[nodiscard]] std::uint64_t count() const noexcept;

    /// Ends when count() is not `seen` any more.
    /// @throws Error with Errc::cancelled when cancelled.
    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) const;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with those who wait, who may outlast this
};

}  // namespace strandcast
