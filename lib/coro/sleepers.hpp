#pragma once

#include <strandcast/strand.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace strandcast
{

/// Coroutines that sleep on one shard until all of them are woken. Unlike those who wait for a timer they are
/// resumed where they are woken, without another turn of the io_context. Used on its shard's thread alone;
/// those who sleep keep it alive.
class Sleepers
{
public:
    explicit Sleepers(ShardExecutor executor);
    Sleepers(const Sleepers&) = delete;
    Sleepers& operator=(const Sleepers&) = delete;

    /// Sleeps. Ends with operation_aborted when cancelled, in a later turn.
    template <typename Token>
    auto sleep(Token&& token)
    {
        return asio::async_initiate<Token, void(asio::error_code)>(
            [this](auto handler)
            {
                auto slot = asio::get_associated_cancellation_slot(handler);
                auto owned =
                    std::make_unique<One<decltype(handler)>>(executor_, anyExecutor_, std::move(handler));
                lieDown(*owned);
                auto* const sleeper = owned.release();
                if (!slot.is_connected()) return;
                slot.assign(
                    [this, sleeper](asio::cancellation_type type)
                    {
                        // This itself goes with the slot's content; nothing of it is touched after.
                        if (type != asio::cancellation_type::none) cancel(*sleeper);
                    });
            },
            token);
    }

    /// Resumes all who sleep now, each of them on its own executor: those that run on this thread before it
    /// returns. What one of them throws goes to who runs the io_context.
    void wakeAll();

    [[nodiscard]] bool isAnyAsleep() const noexcept { return first_ != nullptr; }

private:
    class Sleeper
    {
    public:
        Sleeper() = default;
        Sleeper(const Sleeper&) = delete;
        Sleeper& operator=(const Sleeper&) = delete;
        virtual ~Sleeper() = default;

        /// Nobody cancels it any more.
        virtual void decided() noexcept = 0;
        /// Frees it, then resumes the coroutine.
        virtual void wake(asio::error_code error) = 0;

        Sleeper* next = nullptr;
    };

    template <typename Handler>
    class One;

    class Dormitory;

    void lieDown(Sleeper& sleeper);
    void cancel(Sleeper& sleeper);
    [[nodiscard]] Sleeper* takeAll() noexcept;
    static void decideAll(Sleeper* first) noexcept;
    static void dropAll(Sleeper* first) noexcept;

    const ShardExecutor executor_;
    const asio::any_io_executor anyExecutor_;
    Dormitory* dormitory_ = nullptr;  // known from the first sleep on
    Sleeper* first_ = nullptr;
    Sleepers* previous_ = nullptr;  // of those in the io_context with somebody asleep
    Sleepers* next_ = nullptr;
};

template <typename Handler>
class Sleepers::One final : public Sleeper
{
public:
    One(ShardExecutor executor, const asio::any_io_executor& anyExecutor, Handler handler)
        : handler_(std::move(handler)),
          shard_(executor)
    {
        const auto own = asio::get_associated_executor(handler_, executor);
        if constexpr (!std::is_same_v<OwnExecutor, ShardExecutor>)
            if (own != anyExecutor) own_.emplace(own);
    }

    void decided() noexcept override
    {
        if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) slot.clear();
    }

    void wake(asio::error_code error) override
    {
        auto handler = std::move(handler_);
        // Both contexts have work until it is on its way.
        const auto shard = std::move(shard_);
        const auto own = std::move(own_);
        delete this;
        if (!own) return std::move(handler)(error);
        asio::dispatch(own->get_executor(),
                       [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
    }

private:
    using OwnExecutor = typename asio::associated_executor<Handler, ShardExecutor>::type;

    Handler handler_;
    asio::executor_work_guard<ShardExecutor> shard_;
    std::optional<asio::executor_work_guard<OwnExecutor>> own_;  // where it is not the shard's
};

}  // namespace strandcast
