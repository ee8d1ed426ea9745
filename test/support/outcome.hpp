#pragma once

#include <strandcast/error.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

/// How an operation ended: a value, or which error.
struct Outcome
{
    std::optional<strandcast::Errc> errc;  ///< nothing where it went well
    std::string text;
    std::string remoteCode;  ///< of a RemoteError

    [[nodiscard]] bool went() const { return !errc; }
    [[nodiscard]] bool says(std::string_view part) const { return text.find(part) != std::string::npos; }
};

/// Awaits an operation that may fail with an Error; anything else it throws is a failure of the test.
template <typename T, typename Executor>
asio::awaitable<Outcome, Executor> outcomeOf(asio::awaitable<T, Executor> operation)
{
    try
    {
        co_await std::move(operation);
        co_return Outcome();
    }
    catch (const strandcast::RemoteError& error)
    {
        co_return Outcome{error.errc(), error.what(), error.remoteCode()};
    }
    catch (const strandcast::Error& error)
    {
        co_return Outcome{error.errc(), error.what(), {}};
    }
}

/// An operation that runs beside the test, and can be cancelled.
class Beside
{
public:
    template <typename T>
    Beside(const asio::any_io_executor& executor, asio::awaitable<T> operation)
        : state_(std::make_shared<State>())
    {
        asio::co_spawn(executor, outcomeOf(std::move(operation)),
                       asio::bind_cancellation_slot(state_->signal.slot(),
                                                    [state = state_](std::exception_ptr failure, Outcome end)
                                                    {
                                                        if (failure) std::rethrow_exception(failure);
                                                        CHECK_FALSE(state->end);  // once
                                                        state->end = std::move(end);
                                                    }));
    }

    void cancel() { state_->signal.emit(asio::cancellation_type::terminal); }
    [[nodiscard]] bool hasEnded() const { return state_->end.has_value(); }
    [[nodiscard]] const Outcome& outcome() const { return state_->end.value(); }

    /// Waits for its end.
    asio::awaitable<Outcome> ended()
    {
        const auto state = state_;
        while (!state->end) co_await asio::post(asio::use_awaitable);
        co_return *state->end;
    }

private:
    struct State
    {
        asio::cancellation_signal signal;
        std::optional<Outcome> end;
    };

    std::shared_ptr<State> state_;
};

/// Lets everything that is ready have its turn, so many times.
inline asio::awaitable<void> turnsOfLoop(int count)
{
    for (int turn = 0; turn < count; ++turn) co_await asio::post(asio::use_awaitable);
}

/// Waits until `condition` holds.
inline asio::awaitable<void> until(std::function<bool()> condition)
{
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition())
    {
        REQUIRE_MESSAGE(std::chrono::steady_clock::now() < limit, "what was waited for did not happen");
        co_await asio::post(asio::use_awaitable);
    }
}
