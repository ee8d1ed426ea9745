#include "server/handshake_slots.hpp"

#include <asio/post.hpp>

#include <chrono>
#include <exception>

namespace strandcast
{

namespace
{

// For a wake-up that was lost for want of memory.
constexpr std::chrono::seconds longestWait{1};

}  // namespace

Strand<> HandshakeSlots::waitForOne(std::shared_ptr<HandshakeSlots> slots)
{
    while (slots->taken_ >= slots->most_)
        co_await slots->freed_.waitUntil(slots->clock_, slots->clock_.now() + longestWait);
}

void HandshakeSlots::giveBack(const std::shared_ptr<HandshakeSlots>& self) noexcept
{
    if (taken_.fetch_sub(1) < most_) return;
    try
    {
        asio::post(executor_, [self] { self->freed_.notify(); });
    }
    catch (const std::exception&)
    {
        // Who waits looks again by itself.
    }
}

}  // namespace strandcast
