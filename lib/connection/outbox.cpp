#include "connection/outbox.hpp"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

namespace strandcast
{

namespace
{

// Above this a drained buffer goes back at once, below it at the next quiet sweep.
constexpr std::size_t keptAnswerBytes = 16 * 1024;

}  // namespace

QueuedFrame Outbox::takeEvent(std::size_t index) noexcept
{
    if (index >= events_.size()) return {};
    QueuedFrame taken = events_.take(index);
    eventBytes_ -= taken.bytes().size();
    if (isKept(taken)) countKept(taken, -1);
    return taken;
}

QueuedFrame Outbox::takeOldestEvent() noexcept
{
    return takeEvent(firstWaiting());
}

QueuedFrame Outbox::takeOldestDroppable() noexcept
{
    std::size_t index = firstWaiting();
    while (index < events_.size() && isKept(events_[index])) ++index;
    return takeEvent(index);
}

QueuedFrame Outbox::takeNewestDroppable() noexcept
{
    for (std::size_t index = events_.size(); index-- > firstWaiting();)
        if (!isKept(events_[index])) return takeEvent(index);
    return {};
}

QueuedFrame Outbox::takeLostEvent() noexcept
{
    eventSent_ = 0;
    eventHeldBack_ = false;
    return takeEvent(0);
}

std::vector<QueuedFrame> Outbox::takeSuperseded(std::string_view topic)
{
    const auto places = distinct_ ? onlyAbout(topic) : superseded(topic);
    std::vector<QueuedFrame> taken;
    taken.reserve(places.size());
    for (const auto place : places) taken.push_back(takeEvent(place - taken.size()));
    distinct_ = true;
    return taken;
}

std::vector<std::size_t> Outbox::superseded(std::string_view topic) const
{
    std::vector<std::size_t> places;
    std::unordered_set<std::string_view> newer{topic};
    for (std::size_t index = events_.size(); index-- > firstWaiting();)
        if (!isKept(events_[index]) && !newer.insert(events_[index].topic()).second) places.push_back(index);
    std::ranges::reverse(places);
    return places;
}

std::vector<std::size_t> Outbox::onlyAbout(std::string_view topic) const
{
    const auto hash = std::hash<std::string_view>()(topic);
    for (std::size_t index = firstWaiting(); index < events_.size(); ++index)
        if (events_[index].isAbout(topic, hash)) return {index};
    return {};
}

std::size_t Outbox::droppableBytes() const noexcept
{
    const bool outOfReach = eventBegun() && !isKept(events_[0]);
    return eventBytes_ - keptBytes_ - (outOfReach ? events_[0].bytes().size() : 0);
}

void Outbox::countKept(const QueuedFrame& frame, int change) noexcept
{
    const auto size = frame.bytes().size();
    kept_ = change > 0 ? kept_ + 1 : kept_ - 1;
    keptBytes_ = change > 0 ? keptBytes_ + size : keptBytes_ - size;
}

void Outbox::holdBack() noexcept
{
    // Answers stay in front by themselves, and so does what has left in part.
    if (answersLeft() == 0 && !events_.empty()) eventHeldBack_ = true;
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
    if (size == answersLeft() + eventBytes_ - eventSent_) return consumeAll();
    if (eventBegun()) consumeEvent(size);
    if (!eventBegun() && answersLeft() > 0) consumeAnswers(size);
    while (size > 0) consumeEvent(size);
}

// As nearly always: the socket took all there was.
void Outbox::consumeAll() noexcept
{
    auto answers = answersLeft();
    if (answers > 0) consumeAnswers(answers);
    events_.clear();
    eventSent_ = eventBytes_ = keptBytes_ = 0;
    kept_ = 0;
    eventHeldBack_ = false;
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
    eventHeldBack_ = false;
    eventBytes_ -= frameSize;
    if (isKept(events_[0])) countKept(events_[0], -1);
    events_.popFront();
}

void Outbox::releaseIfEmpty() noexcept
{
    if (!empty()) return;
    std::string().swap(answers_);  // an assignment would keep the memory
    events_.releaseIfEmpty();
}

}  // namespace strandcast
