#include "coro/sleepers.hpp"

#include <asio/execution_context.hpp>
#include <asio/post.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace strandcast
{

/// Those of one io_context with somebody asleep: when it goes, they are let go of with it.
class Sleepers::Dormitory final : public asio::execution_context::service
{
public:
    using key_type = Dormitory;

    static asio::execution_context::id id;

    explicit Dormitory(asio::execution_context& context) : service(context) {}

    void add(Sleepers& sleepers) noexcept
    {
        sleepers.previous_ = nullptr;
        sleepers.next_ = first_;
        if (first_) first_->previous_ = &sleepers;
        first_ = &sleepers;
    }

    void remove(Sleepers& sleepers) noexcept
    {
        (sleepers.previous_ ? sleepers.previous_->next_ : first_) = sleepers.next_;
        if (sleepers.next_) sleepers.next_->previous_ = sleepers.previous_;
    }

private:
    void shutdown() override
    {
        while (first_)
        {
            auto* const sleeper = first_->takeAll();
            decideAll(sleeper);
            dropAll(sleeper);
        }
    }

    Sleepers* first_ = nullptr;
};

asio::execution_context::id Sleepers::Dormitory::id;

Sleepers::Sleepers(ShardExecutor executor) : executor_(executor), anyExecutor_(executor) {}

void Sleepers::lieDown(Sleeper& sleeper)
{
    if (!dormitory_) dormitory_ = &asio::use_service<Dormitory>(executor_.context());
    if (!first_) dormitory_->add(*this);
    sleeper.next = std::exchange(first_, &sleeper);
}

// Behind it none is asleep any more, and this itself may go with the first of those taken.
Sleepers::Sleeper* Sleepers::takeAll() noexcept
{
    if (first_) dormitory_->remove(*this);
    return std::exchange(first_, nullptr);
}

void Sleepers::wakeAll()
{
    const auto executor = executor_;
    auto* sleeper = takeAll();
    decideAll(sleeper);
    while (sleeper)
    {
        auto& one = *std::exchange(sleeper, sleeper->next);
        try
        {
            one.wake({});
        }
        catch (...)
        {
            asio::post(executor, [failure = std::current_exception()] { std::rethrow_exception(failure); });
        }
    }
}

void Sleepers::cancel(Sleeper& sleeper)
{
    auto** place = &first_;
    while (*place != &sleeper) place = &(*place)->next;
    *place = sleeper.next;
    if (!first_) dormitory_->remove(*this);
    sleeper.decided();
    asio::post(executor_, [cancelled = std::unique_ptr<Sleeper>(&sleeper)]() mutable
               { cancelled.release()->wake(asio::error::operation_aborted); });
}

void Sleepers::decideAll(Sleeper* first) noexcept
{
    for (auto* one = first; one; one = one->next) one->decided();
}

void Sleepers::dropAll(Sleeper* first) noexcept
{
    while (first) delete std::exchange(first, first->next);
}

}  // namespace strandcast
