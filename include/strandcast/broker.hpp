#pragma once

#include <strandcast/clock.hpp>
#include <strandcast/frame_slot.hpp>
#include <strandcast/message.hpp>
#include <strandcast/strand.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// What is to be logged: an event without its number.
struct Publication
{
    std::string id;  ///< of the event
    Timestamp timestamp = {};
    std::string topic;
    std::optional<Json> data = {};
    std::uint64_t publisher = 0;  ///< who does not get it back, unless `broadcast`; 0 is nobody
    bool broadcast = false;
};

class LogEntry;

/// An entry lasts as long as somebody holds a reference. They may be taken and dropped on any thread.
using EntryRef = boost::intrusive_ptr<const LogEntry>;

/// An event in the log, which never changes. Its texts lie behind it in the same piece of memory: a log holds
/// many.
class LogEntry
{
public:
    /// Copies a publication.
    /// @param sequenceNumber in its topic, from 1, without holes
    /// @param offset in the log, from 1, without holes
    /// @throws std::bad_alloc
    [[nodiscard]] static EntryRef make(const Publication& publication, std::uint64_t sequenceNumber,
                                       std::uint64_t offset);
    LogEntry(const LogEntry&) = delete;
    LogEntry& operator=(const LogEntry&) = delete;

    const std::string_view id;
    const std::string_view topic;
    const std::optional<std::string_view> data;  ///< JSON text
    const Timestamp timestamp;
    const std::uint64_t publisher;  ///< who does not get it back, unless `broadcast`; 0 is nobody
    const std::uint64_t sequenceNumber;
    const std::uint64_t offset;
    FrameSlot frames;  ///< of the connection layer's own
    const bool broadcast;

    /// What its texts take, in bytes.
    [[nodiscard]] std::size_t textSize() const noexcept
    {
        return id.size() + topic.size() + (data ? data->size() : 0);
    }

private:
    LogEntry(const Publication& publication, std::uint64_t sequenceNumber, std::uint64_t offset,
             char* text) noexcept;
    ~LogEntry() = default;

    friend void intrusive_ptr_add_ref(const LogEntry* entry) noexcept
    {
        entry->references_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(const LogEntry* entry) noexcept
    {
        if (entry->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(entry);
    }
    static void destroy(const LogEntry* entry) noexcept;

    mutable std::atomic<std::uint32_t> references_ = 0;
};

/// What became of a publication.
struct Appended
{
    std::uint64_t sequenceNumber = 0;
    std::uint64_t offset = 0;
};

/// What a log tells a node: a router is one.
class BrokerSink
{
public:
    /// What was appended, in the order of the log. Must not throw: who appends would hear of it, once
    /// everybody else has been told. It may append in turn, or detach.
    virtual void appended(std::span<const EntryRef> entries) = 0;

    /// Whether anybody is subscribed to this topic: if so its numbers are kept.
    [[nodiscard]] virtual bool isWanted(std::string_view topic) const = 0;

protected:
    ~BrokerSink() = default;
};

/// A range of the log.
struct LogRange
{
    std::vector<EntryRef> entries;
    std::uint64_t oldestOffset =
        0;  ///< of what the log still holds; the newest's and one more where it is empty
};

/// Which of the newest events of a log are asked for.
struct LastQuery
{
    std::vector<std::string> topics = {};                      ///< each by its name
    std::function<bool(std::string_view topic)> matches = {};  ///< further topics; none without it
    std::size_t perTopic = 1;                                  ///< so many of each
};

/// The newest events of some topics.
struct LastEntries
{
    std::vector<EntryRef> entries;   ///< in the order of the log
    std::uint64_t newestOffset = 0;  ///< what the log held then reaches to here
};

/// An ordered log of events: the seam between routers, be they in one process or on several machines. It
/// numbers what is appended and tells every sink of it, in one order.
class Broker
{
public:
    virtual ~Broker() = default;

    /// From now on the sink is told what is appended. It detaches before it goes.
    virtual void attach(BrokerSink& sink) = 0;
    virtual void detach(BrokerSink& sink) noexcept = 0;

    /// Appends now, where the log is this thread's: the sinks have been told when it returns, or, inside a
    /// sink's appended(), will be when that has. Several are appended side by side, all or none. Nothing
    /// where the log is elsewhere: then append() is to be awaited.
    /// @returns what became of the first.
    [[nodiscard]] virtual std::optional<Appended> tryAppend(std::span<const Publication> publications) = 0;
    [[nodiscard]] std::optional<Appended> tryAppend(const Publication& publication)
    {
        return tryAppend(std::span(&publication, 1));
    }

    /// Appends, several side by side. Calls take effect in the order in which they are first awaited.
    /// Cancelling may come too late.
    /// @returns what became of the first.
    [[nodiscard]] virtual Strand<Appended> append(std::vector<Publication> publications) = 0;
    [[nodiscard]] Strand<Appended> append(Publication publication)
    {
        std::vector<Publication> one;
        one.push_back(std::move(publication));
        return append(std::move(one));
    }

    /// Up to `limit` entries behind `offset`, the oldest first.
    [[nodiscard]] virtual Strand<LogRange> read(std::uint64_t offset, std::size_t limit) = 0;

    /// The newest events of topics, now, where the log is this thread's; else readLast() is to be awaited.
    [[nodiscard]] virtual std::optional<LastEntries> tryReadLast(const LastQuery& query) = 0;
    [[nodiscard]] virtual Strand<LastEntries> readLast(LastQuery query) = 0;
};

struct MemoryBrokerOptions
{
    std::size_t maxEntries = 100'000;             ///< that the log keeps
    std::size_t maxBytes = 64 * 1024 * 1024;      ///< that they take, their frames included
    std::chrono::milliseconds maxAge{3'600'000};  ///< of an entry
    /// A topic that nobody is subscribed to and none of whose events is left is forgotten after this long
    /// without a publish; its next event is number 1 again.
    std::chrono::milliseconds forgetTopicAfter{3'600'000};
    Clock* clock = &Clock::system();  ///< outlives the broker
};

/// The log in this process' memory, on the one thread that uses it. Bounded by count, bytes and age.
class MemoryBroker final : public Broker
{
public:
    explicit MemoryBroker(MemoryBrokerOptions options = {});
    MemoryBroker(const MemoryBroker&) = delete;
    MemoryBroker& operator=(const MemoryBroker&) = delete;
    ~MemoryBroker() override;

    void attach(BrokerSink& sink) override;
    void detach(BrokerSink& sink) noexcept override;
    using Broker::append;
    using Broker::tryAppend;
    [[nodiscard]] std::optional<Appended> tryAppend(std::span<const Publication> publications) override;
    [[nodiscard]] Strand<Appended> append(std::vector<Publication> publications) override;
    [[nodiscard]] Strand<LogRange> read(std::uint64_t offset, std::size_t limit) override;
    [[nodiscard]] std::optional<LastEntries> tryReadLast(const LastQuery& query) override;
    [[nodiscard]] Strand<LastEntries> readLast(LastQuery query) override;

    // What is too old by now does not count.
    [[nodiscard]] std::size_t entryCount() const;
    [[nodiscard]] std::size_t byteCount() const;
    /// How many topics it remembers the numbers of.
    [[nodiscard]] std::size_t topicCount() const;

private:
    class Log;
    std::unique_ptr<Log> log_;
};

}  // namespace strandcast
