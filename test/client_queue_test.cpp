#include "client/delivery_queue.hpp"

#include <asio/io_context.hpp>
#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

using Dice = std::minstd_rand;

std::size_t upTo(Dice& dice, std::size_t most)
{
    return std::uniform_int_distribution<std::size_t>(0, most)(dice);
}

/// Any text, most of them short, some longer than whatever a queue may keep its events in.
std::string anyText(Dice& dice)
{
    constexpr std::size_t sizes[] = {0, 3, 30, 300, 3'000, 200'000};
    const auto most = sizes[upTo(dice, 40) == 0 ? 5 : upTo(dice, 4)];
    return std::string(upTo(dice, most), static_cast<char>('a' + upTo(dice, 25)));
}

EventMessage anyEvent(Dice& dice)
{
    const auto json = [&] { return Json::fromValidText('"' + anyText(dice) + '"'); };
    EventMessage event{.id = anyText(dice),
                       .timestamp = Timestamp(std::chrono::milliseconds(upTo(dice, 1'000'000))),
                       .topic = anyText(dice),
                       .live = upTo(dice, 1) == 0,
                       .more = upTo(dice, 1) == 0};
    if (upTo(dice, 1) == 0) event.data = json();
    if (upTo(dice, 1) == 0) event.sequenceNumber = upTo(dice, 1'000);
    if (upTo(dice, 1) == 0) event.replay = anyText(dice);
    if (upTo(dice, 3) == 0) event.wireText = json();
    return event;
}

Delivery anyDelivery(Dice& dice)
{
    switch (upTo(dice, 9))
    {
    case 0: return Resumed();
    case 1: return Gap{std::nullopt, Gap::Reason::disconnected};
    case 2: return Gap{upTo(dice, 9), Gap::Reason::dropped};
    default: return anyEvent(dice);
    }
}

/// What a stream promises, as plainly as it can be said: bounded in events, and what is dropped is counted
/// in a gap in its place.
struct Oracle
{
    explicit Oracle(std::size_t most) : capacity(most) {}

    std::size_t capacity;
    std::deque<Delivery> kept;
    std::optional<Gap> inPlace;
    std::uint64_t dropped = 0;

    void push(const Delivery& delivery)
    {
        kept.push_back(delivery);
        while (kept.size() > 1 && kept.size() > capacity)
        {
            drop(kept.front());
            kept.pop_front();
        }
    }

    void drop(const Delivery& oldest)
    {
        ++dropped;
        if (std::holds_alternative<Resumed>(oldest)) return;
        if (!inPlace) inPlace = Gap{0, Gap::Reason::dropped};
        const auto* const gap = std::get_if<Gap>(&oldest);
        const auto missed = gap ? gap->missed : 1;
        inPlace->missed =
            inPlace->missed && missed ? std::optional(*inPlace->missed + *missed) : std::nullopt;
        if (gap && gap->reason == Gap::Reason::disconnected) inPlace->reason = gap->reason;
    }

    std::optional<Delivery> take()
    {
        if (inPlace) return std::exchange(inPlace, std::nullopt);
        if (kept.empty()) return std::nullopt;
        auto taken = std::move(kept.front());
        kept.pop_front();
        return taken;
    }
};

void push(DeliveryQueue& queue, const Delivery& delivery)
{
    if (const auto* const event = std::get_if<EventMessage>(&delivery))
        CHECK(queue.push(viewOf(*event)));
    else if (const auto* const gap = std::get_if<Gap>(&delivery))
        CHECK(queue.push(*gap));
    else
        CHECK(queue.push(Resumed()));
}

constexpr std::size_t noBound = 1'000'000'000;

}  // namespace

TEST_CASE("a stream gives what was pushed, whatever it is, in order, and one gap for what it dropped")
{
    asio::io_context io(1);
    for (unsigned seed = 1; seed <= 60; ++seed)
    {
        CAPTURE(seed);
        Dice dice(seed);
        const std::size_t capacity = upTo(dice, 1) == 0 ? upTo(dice, 3) : upTo(dice, 200);
        DeliveryQueue queue(io.get_executor(), capacity, noBound);
        Oracle oracle(capacity);
        for (int round = 0; round < 20; ++round)
        {
            for (auto count = upTo(dice, 40); count > 0; --count)
            {
                const auto delivery = anyDelivery(dice);
                push(queue, delivery);
                oracle.push(delivery);
            }
            // All of it now and then, so that the queue is empty in between.
            for (auto count = upTo(dice, 2) == 0 ? 1'000 : upTo(dice, 40); count > 0; --count)
            {
                const auto expected = oracle.take();
                REQUIRE(queue.tryTake() == expected);
                if (!expected) break;
            }
            REQUIRE(queue.dropped() == oracle.dropped);
        }
    }
}

TEST_CASE("what a stream holds stays readable after its end, and ends with it")
{
    asio::io_context io(1);
    DeliveryQueue queue(io.get_executor(), 10, noBound);
    CHECK(queue.push(viewOf(EventMessage{.id = "1", .topic = "a"})));
    queue.end();
    CHECK(queue.push(Resumed()));  // it is not kept, and nobody has gone
    CHECK_FALSE(queue.hasEnded());
    CHECK(queue.tryTake() == Delivery(EventMessage{.id = "1", .topic = "a"}));
    CHECK(queue.hasEnded());
    CHECK_FALSE(queue.tryTake());
}

TEST_CASE("a stream that its reader closed holds nothing, and takes nothing")
{
    asio::io_context io(1);
    DeliveryQueue queue(io.get_executor(), 10, noBound);
    CHECK(queue.push(viewOf(EventMessage{.id = "1", .topic = "a"})));
    queue.close();
    CHECK(queue.isClosed());
    CHECK(queue.hasEnded());
    CHECK_FALSE(queue.tryTake());
    CHECK_FALSE(queue.push(Gap{1, Gap::Reason::dropped}));
}
