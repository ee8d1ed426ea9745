#include "coro/change_signal.hpp"

#include "coro/hop.hpp"

#include <strandcast/error.hpp>

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>

namespace strandcast
{

struct ChangeSignal::State
{
    explicit State(ShardExecutor shard) : executor(shard), timer(shard, Timer::time_point::max()) {}

    ShardExecutor executor;
    Timer timer;
    // Who waits is counted before it looks at the count, and who changes changes it before it looks for who
    // waits; in one order of both, no change is missed.
    std::atomic<std::uint64_t> count = 0;
    std::atomic<std::size_t> waiting = 0;

    void notify()
    {
        if (waiting > 0) timer.cancel();
    }
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

// On the shard's thread. `Token` is that of the coroutine's own executor: a reader on the shard's thread
// waits on the timer itself, without a hop.
template <typename Executor, typename State>
asio::awaitable<void, Executor> waitHere(std::shared_ptr<State> state, std::uint64_t seen)
{
    const Waiting waiting(*state);
    while (state->count == seen)
    {
        asio::error_code notified;
        co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable_t<Executor>(), notified));
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) throw Error(Errc::cancelled);
    }
}

}  // namespace

ChangeSignal::ChangeSignal(ShardExecutor executor) : state_(std::make_shared<State>(executor)) {}

ChangeSignal::~ChangeSignal() = default;

void ChangeSignal::change() noexcept
{
    ++state_->count;
    state_->notify();
}

void ChangeSignal::changeFromAnyThread()
{
    ++state_->count;
    if (state_->waiting == 0) return;
    asio::post(state_->executor, [state = state_] { state->notify(); });
}

std::uint64_t ChangeSignal::count() const noexcept
{
    return state_->count.load(std::memory_order_acquire);
}

asio::awaitable<void> ChangeSignal::changedSince(std::uint64_t seen) const
{
    const auto state = state_;
    if (state->count.load(std::memory_order_acquire) != seen) co_return;
    // A shard's thread that awaits on another executor of its own context resumes there all the same.
    if (state->executor.running_in_this_thread())
        co_await waitHere<asio::any_io_executor>(state, seen);
    else
        co_await hop(state->executor, waitHere<ShardExecutor>(state, seen));
}

}  // namespace strandcast
