#include "support/run.hpp"

#include <strandcast/broker.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

struct FakeClock final : Clock
{
    [[nodiscard]] time_point now() const noexcept override { return at; }
    [[nodiscard]] time_point coarseNow() const noexcept override { return at - at.time_since_epoch() % tick; }
    [[nodiscard]] std::chrono::system_clock::time_point systemNow() const noexcept override { return {}; }
    void arm(Timer&, time_point) override { FAIL("the log in memory waits for nothing"); }

    time_point at{};
    duration tick = 1ns;  // of its coarse time
};

struct Listener final : BrokerSink
{
    void appended(std::span<const EntryRef> entries) override
    {
        for (const auto& entry : entries)
        {
            heard.push_back(entry);
            if (onEntry) onEntry(*entry);
        }
    }
    [[nodiscard]] bool isWanted(std::string_view topic) const override { return wanted.contains(topic); }

    [[nodiscard]] std::vector<std::string> ids() const
    {
        std::vector<std::string> found;
        for (const auto& entry : heard) found.emplace_back(entry->id);
        return found;
    }

    std::vector<EntryRef> heard;
    std::function<void(const LogEntry&)> onEntry;
    std::set<std::string, std::less<>> wanted;
};

Publication publication(std::string topic, std::string id, std::size_t dataSize = 1)
{
    return {.id = std::move(id),
            .topic = std::move(topic),
            .data = Json::fromValidText('"' + std::string(dataSize, 'x') + '"')};
}

Appended append(MemoryBroker& broker, std::string topic, std::string id = "e", std::size_t dataSize = 1)
{
    auto event = publication(std::move(topic), std::move(id), dataSize);
    const auto appended = broker.tryAppend(event);
    REQUIRE(appended);
    return *appended;
}

LogRange read(MemoryBroker& broker, std::uint64_t offset, std::size_t limit)
{
    LogRange range;
    runStrand([&](asio::io_context&) -> Strand<> { range = co_await broker.read(offset, limit); });
    return range;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a topic's events are numbered from 1 without holes, and the log's places rise by one")
{
    FakeClock clock;
    MemoryBroker broker({.maxEntries = 50, .clock = &clock});
    Listener listener;
    broker.attach(listener);
    std::mt19937 random(3);
    std::map<std::string, std::uint64_t> numbers;
    for (std::uint64_t offset = 1; offset <= 2'000; ++offset)
    {
        const auto topic = "topic." + std::to_string(random() % 20);
        const auto appended = append(broker, topic);
        REQUIRE(appended.sequenceNumber == ++numbers[topic]);
        REQUIRE(appended.offset == offset);
        REQUIRE(listener.heard.size() == offset);
        const auto& entry = *listener.heard.back();
        REQUIRE(entry.topic == topic);
        REQUIRE(entry.sequenceNumber == appended.sequenceNumber);
        REQUIRE(entry.offset == offset);
    }
    broker.detach(listener);
}

TEST_CASE("an entry is the publication as it was given")
{
    MemoryBroker broker;
    Listener listener;
    broker.attach(listener);
    auto event = publication("a.b", "id-1");
    event.timestamp = Timestamp(17ms);
    event.publisher = 4;
    event.broadcast = true;
    runStrand([&](asio::io_context&) -> Strand<>
              { CHECK((co_await broker.append(std::move(event))).sequenceNumber == 1); });
    auto bare = publication("a.b", "id-2");
    bare.data.reset();
    CHECK(broker.tryAppend(bare)->sequenceNumber == 2);
    bare.topic = "c.d";  // the log's is a copy

    REQUIRE(listener.heard.size() == 2);
    const auto& entry = *listener.heard[0];
    CHECK(entry.id == "id-1");
    CHECK(entry.timestamp == Timestamp(17ms));
    CHECK(entry.publisher == 4);
    CHECK(entry.broadcast);
    CHECK(entry.data == "\"x\"");
    CHECK_FALSE(listener.heard[1]->data);
    CHECK(listener.heard[1]->topic == "a.b");
    broker.detach(listener);
}

TEST_CASE("an age of a few milliseconds is kept to the millisecond, however coarse the machine's clock is")
{
    FakeClock clock;
    clock.tick = 10ms;
    MemoryBroker broker({.maxAge = 3ms, .clock = &clock});
    for (int round = 0; round < 40; ++round)
    {
        static_cast<void>(broker.tryAppend(publication("a", "1")));
        clock.at += 2ms;
        CHECK(broker.entryCount() == 1);
        clock.at += 5ms;
        CHECK(broker.entryCount() == 0);
    }
}

TEST_CASE("an entry lasts as long as its log or anybody else holds it, and goes on whichever thread is last")
{
    struct Witness final : FrameSlot::Content
    {
        explicit Witness(std::atomic<int>& gone) : gone_(gone) {}
        Witness(const Witness&) = delete;
        Witness& operator=(const Witness&) = delete;
        ~Witness() override { ++gone_; }
        std::atomic<int>& gone_;
    };
    std::atomic<int> gone = 0;
    EntryRef held;
    {
        MemoryBroker broker({.maxEntries = 1});
        Listener listener;
        broker.attach(listener);
        for (const auto* const id : {"1", "2"})
        {
            static_cast<void>(broker.tryAppend(publication("a", id)));
            listener.heard.back()->frames.set(std::make_unique<const Witness>(gone));
        }
        held = listener.heard.back();
        broker.detach(listener);
        CHECK(gone == 0);  // the log has given the first up, who listens has not
    }
    CHECK(gone == 1);

    std::atomic<int> seen = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number)
        threads.emplace_back(
            [own = held, &seen]
            {
                for (int round = 0; round < 1'000; ++round)
                    if (const EntryRef another = own; another->id == "2") ++seen;
            });
    held.reset();
    for (auto& thread : threads) thread.join();
    CHECK(seen == 4'000);
    CHECK(gone == 2);
}

TEST_CASE("the log holds to its bounds on entries, bytes and age, and gives up the oldest first")
{
    FakeClock clock;
    const MemoryBrokerOptions options{.maxEntries = 100, .maxBytes = 40'000, .maxAge = 10s, .clock = &clock};
    std::mt19937 random(4);
    MemoryBroker broker(options);
    std::vector<Clock::time_point> appendedAt;
    std::set<std::size_t> sizes;
    for (int round = 0; round < 3'000; ++round)
    {
        clock.at += std::chrono::milliseconds(random() % (round / 500 % 2 == 0 ? 50 : 1'000));
        append(broker, "t." + std::to_string(random() % 5), std::to_string(round), random() % 2'000);
        appendedAt.push_back(clock.at);

        REQUIRE(broker.entryCount() <= options.maxEntries);
        REQUIRE(broker.byteCount() <= options.maxBytes);
        sizes.insert(broker.entryCount());
        if (round % 10 != 0) continue;
        const auto range = read(broker, 0, 1'000);
        REQUIRE(range.entries.size() == broker.entryCount());
        REQUIRE(range.entries.back()->id == std::to_string(round));
        REQUIRE(range.oldestOffset == range.entries.front()->offset);
        for (std::size_t i = 0; i < range.entries.size(); ++i)
            REQUIRE(range.entries[i]->offset == range.oldestOffset + i);
        REQUIRE(clock.at - appendedAt[range.oldestOffset - 1] <= options.maxAge);
    }
    CHECK(sizes.size() > 10);  // more than one of the bounds was met
}

TEST_CASE("an event larger than the whole log is delivered and not kept")
{
    MemoryBroker broker({.maxBytes = 1'000});
    Listener listener;
    broker.attach(listener);
    append(broker, "a", "small");
    append(broker, "a", "large", 5'000);
    CHECK(listener.ids() == Ids{"small", "large"});
    CHECK(broker.entryCount() == 0);
    CHECK(broker.byteCount() == 0);
    CHECK(read(broker, 0, 10).oldestOffset == 3);
    CHECK(append(broker, "a").sequenceNumber == 3);
    broker.detach(listener);
}

TEST_CASE("a range of the log begins behind the given place and is as long as was asked for")
{
    MemoryBroker broker({.maxEntries = 5});
    CHECK(read(broker, 0, 10).entries.empty());
    CHECK(read(broker, 0, 10).oldestOffset == 1);
    for (int i = 1; i <= 8; ++i) append(broker, "a", std::to_string(i));

    const auto ids = [&](std::uint64_t offset, std::size_t limit)
    {
        Ids found;
        for (const auto& entry : read(broker, offset, limit).entries) found.emplace_back(entry->id);
        return found;
    };
    CHECK(ids(0, 100) == Ids{"4", "5", "6", "7", "8"});
    CHECK(ids(3, 100) == Ids{"4", "5", "6", "7", "8"});
    CHECK(ids(4, 2) == Ids{"5", "6"});
    CHECK(ids(7, 100) == Ids{"8"});
    CHECK(ids(8, 100).empty());
    CHECK(ids(~std::uint64_t{0}, 100).empty());
    CHECK(ids(5, 0).empty());
    CHECK(read(broker, 0, 1).oldestOffset == 4);
}

TEST_CASE("what a sink appends while it is told is numbered at once and told after, to all in one order")
{
    MemoryBroker broker;
    Listener first;
    Listener second;
    std::vector<Appended> nested;
    first.onEntry = [&](const LogEntry& entry)
    {
        if (entry.id.size() >= 3) return;
        nested.push_back(append(broker, "a", std::string(entry.id) + "l"));
        nested.push_back(append(broker, "a", std::string(entry.id) + "r"));
    };
    broker.attach(first);
    broker.attach(second);
    CHECK(append(broker, "a", "x").sequenceNumber == 1);

    const Ids inOrder{"x", "xl", "xr", "xll", "xlr", "xrl", "xrr"};
    CHECK(first.ids() == inOrder);
    CHECK(second.ids() == inOrder);
    std::uint64_t number = 1;
    for (const auto& appended : nested) CHECK(appended.sequenceNumber == ++number);
    for (std::size_t i = 0; i < second.heard.size(); ++i) CHECK(second.heard[i]->offset == i + 1);
    broker.detach(first);
    broker.detach(second);
}

TEST_CASE("a sink may detach itself or another while the sinks are told, and hears nothing from then on")
{
    MemoryBroker broker;
    Listener once;
    Listener other;
    Listener last;
    once.onEntry = [&](const LogEntry&)
    {
        broker.detach(once);
        broker.detach(other);
        append(broker, "a", "2");
    };
    broker.attach(once);
    broker.attach(other);
    broker.attach(last);
    append(broker, "a", "1");
    append(broker, "a", "3");
    CHECK(once.ids() == Ids{"1"});
    CHECK(other.ids().empty());
    CHECK(last.ids() == Ids{"1", "2", "3"});
    broker.detach(last);
}

TEST_CASE("a sink that is attached while the sinks are told hears what is appended from then on")
{
    MemoryBroker broker;
    Listener first;
    Listener late;
    first.onEntry = [&](const LogEntry& entry)
    {
        if (entry.id != "1") return;
        append(broker, "a", "2");
        broker.attach(late);
        append(broker, "a", "3");
    };
    broker.attach(first);
    append(broker, "a", "1");
    CHECK(first.ids() == Ids{"1", "2", "3"});
    CHECK(late.ids() == Ids{"3"});
    broker.detach(first);
    broker.detach(late);
}

TEST_CASE("a million topics that nobody wants are forgotten as others come")
{
    FakeClock clock;
    MemoryBroker broker({.maxEntries = 1'000, .maxAge = 10s, .forgetTopicAfter = 10s, .clock = &clock});
    std::size_t most = 0;
    for (int i = 0; i < 1'000'000; ++i)
    {
        // A thousand a second: ten seconds of them may have to be remembered.
        clock.at += 1ms;
        Publication event{.id = "e", .topic = std::to_string(i)};
        static_cast<void>(broker.tryAppend(event));
        most = std::max(most, broker.topicCount());
    }
    CHECK(most >= 10'000);
    CHECK(most <= 10'010);
    CHECK(broker.entryCount() <= 1'000);
}

TEST_CASE(
    "a topic keeps its numbers while somebody is subscribed, its events are logged, or it is not yet time")
{
    FakeClock clock;
    MemoryBroker broker({.maxEntries = 10, .maxAge = 1h, .forgetTopicAfter = 10s, .clock = &clock});
    Listener listener;
    listener.wanted = {"wanted"};
    broker.attach(listener);
    const auto others = [&](int count)
    {
        for (int i = 0; i < count; ++i) append(broker, "other");
    };
    append(broker, "wanted");
    append(broker, "unwanted");

    clock.at += 1min;
    others(5);
    CHECK(append(broker, "unwanted").sequenceNumber == 2);  // its first one is still in the log
    others(20);
    CHECK(append(broker, "unwanted").sequenceNumber == 3);  // out of the log, but a moment ago
    for (int round = 0; round < 2; ++round)
    {
        clock.at += 1min;
        others(20);
    }
    CHECK(append(broker, "unwanted").sequenceNumber == 1);
    CHECK(append(broker, "wanted").sequenceNumber == 2);

    // Interest that is lost is noticed as well.
    listener.wanted.clear();
    for (int round = 0; round < 3; ++round)
    {
        clock.at += 1min;
        others(20);
    }
    CHECK(broker.topicCount() == 1);
    CHECK(append(broker, "wanted").sequenceNumber == 1);
    broker.detach(listener);
}

TEST_CASE("topics that are wanted do not keep the others from being forgotten")
{
    FakeClock clock;
    MemoryBroker broker({.maxEntries = 1, .forgetTopicAfter = 10s, .clock = &clock});
    Listener listener;
    broker.attach(listener);
    for (int i = 0; i < 500; ++i)
    {
        const auto topic = "wanted." + std::to_string(i);
        listener.wanted.insert(topic);
        append(broker, topic);
        append(broker, "unwanted." + std::to_string(i));
    }
    clock.at += 1min;
    for (int i = 0; i < 1'000; ++i) append(broker, "other");
    CHECK(broker.topicCount() == 501);
    broker.detach(listener);
}

TEST_CASE("several publications are appended side by side, whatever a sink appends while it is told")
{
    MemoryBroker broker;
    Listener listener;
    listener.onEntry = [&](const LogEntry& entry)
    {
        if (entry.id == "1") append(broker, "entity", "2");
    };
    broker.attach(listener);
    std::vector<Publication> both;
    both.push_back(publication("entity", "1"));
    both.push_back(publication("channel", "1"));
    both.push_back(publication("entity", "1"));
    const auto first = broker.tryAppend(both);
    CHECK(first->sequenceNumber == 1);
    CHECK(first->offset == 1);
    CHECK(listener.ids() == Ids{"1", "1", "1", "2", "2", "2"});
    std::vector<std::uint64_t> numbers;
    for (const auto& entry : listener.heard) numbers.push_back(entry->sequenceNumber);
    CHECK(numbers == std::vector<std::uint64_t>{1, 1, 2, 3, 4, 5});
    CHECK(listener.heard[1]->topic == "channel");
    std::vector<Publication> none;
    CHECK(broker.tryAppend(none)->offset == 0);
    broker.detach(listener);
}

TEST_CASE("a sink that throws keeps no other from being told, now or later, and who appends hears of it")
{
    MemoryBroker broker;
    Listener bad;
    Listener good;
    bad.onEntry = [](const LogEntry& entry)
    {
        if (entry.id == "1") throw std::runtime_error("no promise kept");
    };
    broker.attach(bad);
    broker.attach(good);
    Publication event = publication("a", "1");
    CHECK_THROWS_AS(static_cast<void>(broker.tryAppend(event)), std::runtime_error);
    append(broker, "a", "2");
    CHECK(good.ids() == Ids{"1", "2"});
    CHECK(bad.ids() == Ids{"1", "2"});
    CHECK(broker.entryCount() == 2);
    broker.detach(bad);
    broker.detach(good);
    append(broker, "a", "3");
    CHECK(good.ids() == Ids{"1", "2"});
}

TEST_CASE("what is too old is gone from what the log shows, though nothing was appended since")
{
    FakeClock clock;
    MemoryBroker broker({.maxAge = 10s, .forgetTopicAfter = 1min, .clock = &clock});
    append(broker, "a", "1");
    clock.at += 5s;
    append(broker, "b", "2");
    clock.at += 6s;
    const auto range = read(broker, 0, 10);
    REQUIRE(range.entries.size() == 1);
    CHECK(range.entries[0]->id == "2");
    CHECK(range.oldestOffset == 2);
    CHECK(broker.tryReadLast({.topics = {"a", "b"}})->entries.size() == 1);
    clock.at += 6s;
    CHECK(broker.entryCount() == 0);
    CHECK(broker.byteCount() == 0);
    CHECK(broker.topicCount() == 2);
    clock.at += 1min;
    CHECK(broker.topicCount() == 0);
}

TEST_CASE("the last events of topics are those that a look at the whole log finds")
{
    FakeClock clock;
    MemoryBroker broker({.maxEntries = 60, .clock = &clock});
    std::mt19937 random(5);
    const auto topicOf = [](std::uint_fast32_t number) { return "t." + std::to_string(number); };
    for (int round = 0; round < 3'000; ++round)
    {
        append(broker, topicOf(random() % 30), std::to_string(round));
        LastQuery query{.perTopic = random() % 4};
        for (auto count = random() % 3; count > 0; --count) query.topics.push_back(topicOf(random() % 31));
        const auto digit = static_cast<char>('0' + random() % 10);
        if (random() % 2 == 0) query.matches = [=](std::string_view topic) { return topic.back() == digit; };

        std::map<std::string, std::size_t> counts;
        std::vector<EntryRef> expected;
        const auto all = read(broker, 0, 1'000).entries;
        for (auto entry = all.rbegin(); entry != all.rend(); ++entry)
        {
            const auto& topic = (*entry)->topic;
            const bool isNamed =
                std::find(query.topics.begin(), query.topics.end(), topic) != query.topics.end();
            if (!isNamed && !(query.matches && query.matches(topic))) continue;
            if (++counts[std::string(topic)] <= query.perTopic) expected.insert(expected.begin(), *entry);
        }
        const auto last = broker.tryReadLast(query);
        REQUIRE(last->entries == expected);
        REQUIRE(last->newestOffset == static_cast<std::uint64_t>(round) + 1);
    }
}
