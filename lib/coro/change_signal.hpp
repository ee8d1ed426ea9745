#pragma once

#include <strandcast/strand.hpp>

#include <asio/awaitable.hpp>

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

    /// On the shard's thread. Who waits is resumed in a later turn.
    void change();
    void changeFromAnyThread();

    // The halves of change(), for who can say when the waiting may run: on the shard's thread as well.

    void count() noexcept;
    void wakeLater();
    /// Whether anybody waits.
    [[nodiscard]] bool isAwaited() const noexcept;
    /// Resumes who waits: on this thread before it returns, where that is theirs. They do as they like, so
    /// the caller holds no lock, and counts on nothing that they may change.
    void wake();

    [[nodiscard]] std::uint64_t counted() const noexcept;

    /// Ends when counted() is not `seen` any more.
    /// @throws Error with Errc::cancelled when cancelled.
    [[nodiscard]] asio::awaitable<void> changedSince(std::uint64_t seen) const;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with those who wait, who may outlast this
};

}  // namespace strandcast
