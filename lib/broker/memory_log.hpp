#pragma once

#include "broker/topic_table.hpp"

#include <strandcast/broker.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <span>
#include <string_view>
#include <vector>

namespace strandcast
{

/// The log of a MemoryBroker: what it holds, and whom it tells.
class MemoryBroker::Log
{
public:
    explicit Log(MemoryBrokerOptions options) : options_(options) {}
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void attach(BrokerSink& sink) { sinks_.push_back({&sink, newest_}); }
    void detach(BrokerSink& sink) noexcept;

    /// Appends all of them side by side, or, where there is no memory, none; no number has been given away
    /// then.
    Appended append(std::span<const Publication> publications);

    [[nodiscard]] LogRange read(std::uint64_t offset, std::size_t limit);
    [[nodiscard]] LastEntries readLast(const LastQuery& query);

    [[nodiscard]] std::size_t entryCount();
    [[nodiscard]] std::size_t byteCount();
    [[nodiscard]] std::size_t topicCount();

private:
    struct Attached
    {
        BrokerSink* sink;     // null: detached while the sinks were told
        std::uint64_t since;  // it hears what has a later offset
    };

    struct Kept
    {
        EntryRef entry;
        LoggedTopic* topic;  // which stays as long as the log holds an entry of its
        Clock::time_point appended;
        std::uint64_t previous;  // the offset of the topic's entry before this, which may be gone
    };

    [[nodiscard]] Clock::time_point now() const noexcept;
    void appendOne(const Publication& publication, Clock::time_point now);
    void takeBack() noexcept;
    void trim(Clock::time_point now) noexcept;
    void lookAtTopics(Clock::time_point now);
    void tell(Clock::time_point now);
    std::exception_ptr tellAll(const EntryRef& entry);
    [[nodiscard]] bool isWanted(std::string_view topic) const;
    void dropDetached() noexcept;
    [[nodiscard]] std::uint64_t oldestOffset() const noexcept
    {
        return entries_.empty() ? newest_ + 1 : entries_.front().entry->offset;
    }
    void collectLast(const LoggedTopic& topic, std::size_t count, std::vector<EntryRef>& found) const;

    const MemoryBrokerOptions options_;
    std::deque<Kept> entries_;
    std::size_t bytes_ = 0;
    std::uint64_t newest_ = 0;  // the offset of what was appended last
    TopicTable topics_;
    std::vector<Attached> sinks_;
    std::deque<EntryRef> untold_;
    bool telling_ = false;
};

}  // namespace strandcast
