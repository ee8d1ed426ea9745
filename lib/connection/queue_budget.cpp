#include "connection/queue_budget.hpp"

#include <functional>

namespace strandcast
{

QueuedFrame QueueBudget::holdAnother(const SharedFrame& frame)
{
    const auto topic = frame.topic();
    last_ = new QueuedFrame::Block{frame, frame.bytes(), std::hash<std::string_view>()(topic), *this,
                                   1,     !topic.empty()};
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
