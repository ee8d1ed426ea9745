#include "connection/outbox.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

namespace
{

// Above this a drained buffer goes back at once, below it at the next quiet sweep.
constexpr std::size_t keptAnswerBytes = 16 * 1024;

}  // namespace

void Outbox::pushEvent(SharedFrame frame)
{
    const auto size = frame.bytes().size();
    events_.push(std::move(frame));
    eventBytes_ += size;
}

bool Outbox::isFullFor(std::size_t size, const OutboxLimits& limits) const noexcept
{
    if (events_.empty()) return false;
    return events_.size() >= limits.maxFrames || eventBytes_ + size > limits.maxBytes;
}

SharedFrame Outbox::takeOldestDroppable() noexcept
{
    std::size_t index = eventBegun() ? 1 : 0;
    while (index < events_.size() && events_[index].topic().empty()) ++index;
    return takeEvent(index);
}

SharedFrame Outbox::takeOldestEvent() noexcept
{
    return takeEvent(eventBegun() ? 1 : 0);
}

SharedFrame Outbox::takeEvent(std::size_t index) noexcept
{
    if (index >= events_.size()) return {};
    SharedFrame taken = events_.take(index);
    eventBytes_ -= taken.bytes().size();
    return taken;
}

std::size_t Outbox::gather(std::span<Piece> pieces) const noexcept
{
    std::size_t count = 0;
    std::size_t event = 0;
    // A frame that has begun to leave is finished before anything overtakes it.
    if (eventBegun()) pieces[count++] = events_[event++].bytes().subspan(eventSent_);
    if (answersLeft() > 0 && count < pieces.size())
        pieces[count++] = std::as_bytes(std::span(answers_)).subspan(answersSent_);
    for (; event < events_.size() && count < pieces.size(); ++event) pieces[count++] = events_[event].bytes();
    return count;
}

void Outbox::consume(std::size_t size) noexcept
{
    if (eventBegun()) consumeEvent(size);
    if (!eventBegun()) consumeAnswers(size);
    while (size > 0) consumeEvent(size);
}

void Outbox::consumeAnswers(std::size_t& size) noexcept
{
    const auto sent = std::min(size, answersLeft());
    size -= sent;
    answersSent_ += sent;
    if (answersLeft() == 0)
    {
        if (answers_.capacity() > keptAnswerBytes)
            std::string().swap(answers_);  // an assignment would keep the memory
        else
            answers_.clear();
        answersSent_ = 0;
    }
    else if (answersSent_ > keptAnswerBytes && answersSent_ > answers_.size() / 2)
    {
        answers_.erase(0, answersSent_);
        answersSent_ = 0;
    }
}

void Outbox::consumeEvent(std::size_t& size) noexcept
{
    const auto frameSize = events_[0].bytes().size();
    const auto sent = std::min(size, frameSize - eventSent_);
    size -= sent;
    eventSent_ += sent;
    if (eventSent_ < frameSize) return;
    eventSent_ = 0;
    eventBytes_ -= frameSize;
    events_.popFront();
}

void Outbox::releaseIfEmpty() noexcept
{
    if (!empty()) return;
    std::string().swap(answers_);  // an assignment would keep the memory
    events_.releaseIfEmpty();
}

}  // namespace strandcast
