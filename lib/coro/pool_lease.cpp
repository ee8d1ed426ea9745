#include "coro/pool_lease.hpp"

#include <utility>

namespace strandcast
{

namespace
{

/// How an io_context knows its pool.
class PoolMark final : public asio::execution_context::service
{
public:
    using key_type = PoolMark;

    static asio::execution_context::id id;

    explicit PoolMark(asio::execution_context& context) : service(context) {}
    PoolMark(asio::execution_context& context, std::shared_ptr<PoolTenants> tenants)
        : service(context),
          tenants_(std::move(tenants))
    {
    }

    [[nodiscard]] const std::shared_ptr<PoolTenants>& tenants() const noexcept { return tenants_; }

private:
    void shutdown() override {}

    std::shared_ptr<PoolTenants> tenants_;
};

asio::execution_context::id PoolMark::id;

}  // namespace

void PoolTenants::enter()
{
    const std::lock_guard lock(mutex_);
    ++count_;
}

void PoolTenants::leave()
{
    const std::lock_guard lock(mutex_);
    // Under the lock, because who waits may go as soon as the count is 0.
    if (--count_ == 0) left_.notify_all();
}

void PoolTenants::awaitNone()
{
    std::unique_lock lock(mutex_);
    left_.wait(lock, [this] { return count_ == 0; });
}

void PoolLease::mark(asio::execution_context& context, std::shared_ptr<PoolTenants> tenants)
{
    asio::make_service<PoolMark>(context, std::move(tenants));
}

PoolLease::PoolLease(ShardExecutor executor)
{
    auto& context = asio::query(executor, asio::execution::context);
    if (asio::has_service<PoolMark>(context)) tenants_ = asio::use_service<PoolMark>(context).tenants();
    if (tenants_) tenants_->enter();
}

PoolLease::~PoolLease()
{
    if (tenants_) tenants_->leave();
}

}  // namespace strandcast
