#include "connection/queue_budget.hpp"

#include <utility>

namespace strandcast
{

QueueBudget::~QueueBudget()
{
    while (free_) delete std::exchange(free_, free_->next);
}

QueuedFrame QueueBudget::holdAnother(const SharedFrame& frame)
{
    if (free_)
    {
        last_ = std::exchange(free_, free_->next);
        --freeCount_;
        last_->frame = frame;
        last_->bytes = frame.bytes();
        last_->references = 1;
        last_->isHashed = false;
    }
    else
    {
        last_ = new QueuedFrame::Block{.frame = frame,
                                       .bytes = frame.bytes(),
                                       .budget = *this,
                                       .next = nullptr,
                                       .topicHash = 0,
                                       .references = 1,
                                       .hasTopic = false,
                                       .isHashed = false};
    }
    last_->hasTopic = !frame.topic().empty();
    usedBytes_ += frame.bytes().size();
    return QueuedFrame(last_);
}

// The memory is kept for the next frame, the frame is not.
void QueueBudget::free(QueuedFrame::Block& block) noexcept
{
    usedBytes_ -= block.bytes.size();
    if (last_ == &block) last_ = nullptr;
    if (freeCount_ == maxFree) return delete &block;
    block.frame = SharedFrame();
    block.next = std::exchange(free_, &block);
    ++freeCount_;
}

void QueuedFrame::release() noexcept
{
    block_->budget.free(*block_);
}

}  // namespace strandcast
