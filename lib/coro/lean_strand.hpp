#pragma once

#include <strandcast/strand.hpp>

#include <asio/co_spawn.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

namespace strandcast
{

/// A strand that costs next to nothing while it sleeps, for what each connection has one of: no executor, no
/// cancellation slot and no operation of Asio's is kept beside its frame. It begins at once and runs on its
/// shard's thread; what is wrong in it, it deals with itself, and what it does not, ends the process: a frame
/// that cannot even wait for those who refer to it must not go. As with Asio's, a frame that sleeps is owned
/// by what will resume it, and goes with that; whoever wants it to end closes what it waits for.
class LeanStrand
{
public:
    struct promise_type
    {
        static LeanStrand get_return_object() noexcept { return {}; }
        static std::suspend_never initial_suspend() noexcept { return {}; }
        static std::suspend_never final_suspend() noexcept { return {}; }
        static void return_void() noexcept {}
        [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
    };
};

/// A LeanStrand's frame that sleeps, shared with what will resume it; it goes with the last of these. What it
/// waits for is begun first, so that what throws there throws into a frame that is awake.
class SleepingFrame
{
public:
    SleepingFrame() = default;
    SleepingFrame(const SleepingFrame&) = delete;
    SleepingFrame& operator=(const SleepingFrame&) = delete;
    ~SleepingFrame()
    {
        if (frame_) frame_.destroy();
    }

    /// Begins a wait: `begin` gets what is to be called, once, at its end. To be the end of await_suspend().
    template <typename Begin>
    [[nodiscard]] static bool sleep(std::coroutine_handle<> frame, Begin begin)
    {
        const auto sleeping = std::make_shared<SleepingFrame>();
        begin([sleeping] { sleeping->resume(); });
        if (sleeping->resumed_) return false;
        sleeping->frame_ = frame;
        return true;
    }

private:
    void resume()
    {
        resumed_ = true;
        if (frame_) std::exchange(frame_, nullptr).resume();
    }

    std::coroutine_handle<> frame_;
    bool resumed_ = false;
};

/// What a LeanStrand awaits to await a Strand, however that ends.
class LeanWait
{
public:
    LeanWait(ShardExecutor executor, Strand<> strand) noexcept
        : executor_(executor),
          strand_(std::move(strand))
    {
    }

    static bool await_ready() noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> frame)
    {
        return SleepingFrame::sleep(
            frame, [this](auto ended)
            { asio::co_spawn(executor_, std::move(strand_), [ended](std::exception_ptr) { ended(); }); });
    }
    static void await_resume() noexcept {}

private:
    ShardExecutor executor_;
    Strand<> strand_;
};

}  // namespace strandcast
