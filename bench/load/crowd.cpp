#include "crowd.hpp"

#include "messages.hpp"

#include <sys/epoll.h>
#include <unistd.h>

namespace load
{

Crowd::Crowd(Target target) : target_(std::move(target)), poll_(::epoll_create1(0)) {}

Crowd::~Crowd()
{
    ::close(poll_);
}

std::size_t Crowd::add(const std::vector<std::string>& topics)
{
    const auto place = peers_.size();
    auto& peer = peers_.emplace_back(target_, 2 + static_cast<unsigned>(place / 10'000));
    peer.finishUpgrade();
    if (!target_.token.empty())
    {
        peer.queue(authMessage(target_.token));
        peer.waitFor(R"("messageId":"00000001")");
    }
    peer.queue(subscribeMessage(topics));
    peer.waitFor(R"("messageId":"00000002")");
    ::epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = place;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, peer.socket(), &event) != 0) fail("epoll_ctl");
    return place;
}

std::size_t Crowd::ready()
{
    std::array<::epoll_event, 1024> events;
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 0);
    for (int index = 0; index < count; ++index)
        readyPlaces_[static_cast<std::size_t>(index)] = events[static_cast<std::size_t>(index)].data.u64;
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace load
