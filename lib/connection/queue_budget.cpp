#include "connection/queue_budget.hpp"

#include <functional>

namespace strandcast
{

QueuedFrame QueueBudget::hold(const SharedFrame& frame)
{
    if (last_ && last_->frame.isSameAs(frame))
    {
        ++last_->references;
        return QueuedFrame(last_);
    }
    last_ = new QueuedFrame::Block{frame, std::hash<std::string_view>()(frame.topic()), *this, 1};
    usedBytes_ += frame.bytes().size();
    return QueuedFrame(last_);
}

void QueuedFrame::release() noexcept
{
    auto& budget = block_->budget;
    budget.usedBytes_ -= block_->frame.bytes().size();
    if (budget.last_ == block_) budget.last_ = nullptr;
    delete block_;
}

}  // namespace strandcast
