#include "coro/change_signal.hpp"

#include "coro/hop.hpp"
#include "coro/sleepers.hpp"

#include <strandcast/error.hpp>

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>

#include <atomic>
#include <type_traits>
#include <utility>

namespace strandcast
{

struct ChangeSignal::State
{
    explicit State(ShardExecutor shard) : executor(shard), sleepers(shard) {}

    ShardExecutor executor;
    Sleepers sleepers;
    bool isToBeWoken = false;  // in a later turn
    // Who waits is counted before it looks at the count, and who changes changes it before it looks for who
    // waits; in one order of both, no change is missed.
    std::atomic<std::uint64_t> count = 0;
    std::atomic<std::size_t> waiting = 0;
};

namespace
{

/// Counts a waiter without referring to more than the state, which its frame owns.
template <typename State>
struct Waiting
{
    explicit Waiting(State& waited) : state(waited) { ++state.waiting; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --state.waiting; }
    State& state;
};

/// On the shard's thread, to which whoever awaits it elsewhere hops. A shard's thread that awaits on another
/// executor of its own context resumes there all the same.
template <typename Executor, typename State>
asio::awaitable<void, Executor> untilChanged(std::shared_ptr<State> state, std::uint64_t seen)
{
    if (state->count.load(std::memory_order_acquire) != seen) co_return;
    if constexpr (!std::is_same_v<Executor, ShardExecutor>)
    {
        if (!state->executor.running_in_this_thread())
        {
            co_await hop(state->executor, untilChanged<ShardExecutor>(state, seen));
            co_return;
        }
    }
    const Waiting waiting(*state);
    while (state->count == seen)
    {
        asio::error_code notified;
        co_await state->sleepers.sleep(asio::redirect_error(asio::use_awaitable_t<Executor>(), notified));
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) throw Error(Errc::cancelled);
    }
}

}  // namespace

ChangeSignal::ChangeSignal(ShardExecutor executor) : state_(std::make_shared<State>(executor)) {}

ChangeSignal::~ChangeSignal() = default;

void ChangeSignal::change()
{
    count();
    wakeLater();
}

void ChangeSignal::wakeLater()
{
    if (!isAwaited() || state_->isToBeWoken) return;
    asio::post(state_->executor,
               [state = state_]
               {
                   state->isToBeWoken = false;
                   state->sleepers.wakeAll();
               });
    state_->isToBeWoken = true;
}

void ChangeSignal::changeFromAnyThread()
{
    count();
    if (state_->waiting == 0) return;
    asio::post(state_->executor, [state = state_] { state->sleepers.wakeAll(); });
}

void ChangeSignal::count() noexcept
{
    ++state_->count;
}

bool ChangeSignal::isAwaited() const noexcept
{
    return state_->sleepers.isAnyAsleep();
}

void ChangeSignal::wake()
{
    const auto state = state_;  // this may go with who wakes
    state->sleepers.wakeAll();
}

std::uint64_t ChangeSignal::counted() const noexcept
{
    return state_->count.load(std::memory_order_acquire);
}

// One coroutine, and none around it: each event that comes alone would pay for it.
asio::awaitable<void> ChangeSignal::changedSince(std::uint64_t seen) const
{
    return untilChanged<asio::any_io_executor>(state_, seen);
}

}  // namespace strandcast
