#pragma once

#include "coro/signal.hpp"

#include <strandcast/strand.hpp>

#include <memory>
#include <utility>

namespace strandcast
{

/// Lets one strand of a shard through at a time. Used on its shard's thread alone.
class Turnstile
{
public:
    /// Being in it.
    class Passage
    {
    public:
        explicit Passage(std::shared_ptr<Turnstile> turnstile) : turnstile_(std::move(turnstile))
        {
            turnstile_->taken_ = true;
        }
        Passage(Passage&&) noexcept = default;
        Passage& operator=(Passage&&) = delete;
        ~Passage() { leave(); }

        void leave() noexcept
        {
            const auto turnstile = std::exchange(turnstile_, nullptr);
            if (!turnstile) return;
            turnstile->taken_ = false;
            turnstile->left_.notify();
        }

    private:
        std::shared_ptr<Turnstile> turnstile_;
    };

    explicit Turnstile(ShardExecutor executor) : left_(executor) {}

    [[nodiscard]] static Strand<Passage> enter(std::shared_ptr<Turnstile> turnstile)
    {
        while (turnstile->taken_) co_await turnstile->left_.wait();
        co_return Passage(std::move(turnstile));
    }

private:
    Signal left_;
    bool taken_ = false;
};

}  // namespace strandcast
