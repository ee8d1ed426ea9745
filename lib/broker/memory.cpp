#include <strandcast/broker.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <unordered_map>
#include <utility>

namespace strandcast
{

namespace
{

// For each append so many topics are looked at whether they may be forgotten: more than the one that it may
// add, so that they cannot grow for ever.
constexpr int topicsLookedAt = 2;

std::size_t bytesOf(const LogEntry& entry)
{
    // All of it stands once more in the frame that the entry keeps, with an envelope around it.
    constexpr std::size_t envelope = 192;
    const auto text = entry.topic.size() + entry.id.size() + (entry.data ? entry.data->text().size() : 0);
    return sizeof(LogEntry) + envelope + 2 * text;
}

}  // namespace

class MemoryBroker::Log
{
public:
    explicit Log(MemoryBrokerOptions options) : options_(options) {}

    void attach(BrokerSink& sink) { sinks_.push_back({&sink, newest_}); }

    void detach(BrokerSink& sink) noexcept
    {
        // A place stays while the sinks are being told, so that nobody is passed over.
        for (auto& attached : sinks_)
            if (attached.sink == &sink) attached.sink = nullptr;
        if (!telling_) dropDetached();
    }

    Appended append(Publication publication)
    {
        const auto now = options_.clock->now();
        Topic& topic = topicOf(publication.topic, now);
        const Appended appended{topic.sequence + 1, newest_ + 1};
        auto entry = std::make_shared<const LogEntry>(std::move(publication), appended.sequenceNumber,
                                                      appended.offset);
        const auto bytes = bytesOf(*entry);
        untold_.push_back(entry);
        try
        {
            entries_.push_back({std::move(entry), &topic, now});
        }
        catch (...)
        {
            untold_.pop_back();
            throw;
        }
        // From here on nothing fails: where there was no memory, no number has been given away.
        topic.sequence = appended.sequenceNumber;
        newest_ = appended.offset;
        ++topic.entries;
        bytes_ += bytes;
        trim(now);
        tell(now);
        return appended;
    }

    [[nodiscard]] LogRange read(std::uint64_t offset, std::size_t limit) const
    {
        LogRange range;
        range.oldestOffset = entries_.empty() ? newest_ + 1 : entries_.front().entry->offset;
        const auto skipped = offset < range.oldestOffset ? 0 : offset - range.oldestOffset + 1;
        for (auto index = skipped; index < entries_.size() && range.entries.size() < limit; ++index)
            range.entries.push_back(entries_[index].entry);
        return range;
    }

    [[nodiscard]] std::size_t entryCount() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t byteCount() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t topicCount() const noexcept { return topics_.size(); }

private:
    struct Topic
    {
        std::string name;
        std::uint64_t sequence = 0;
        std::size_t entries = 0;       // in the log
        Clock::time_point quietSince;  // its last publish, or the last time that it was found to be wanted
        Topic* older = nullptr;        // in the order in which they were looked at or published on
        Topic* newer = nullptr;
    };

    struct Attached
    {
        BrokerSink* sink;     // null: detached while the sinks were told
        std::uint64_t since;  // it hears what has a later offset
    };

    struct Kept
    {
        EntryRef entry;
        Topic* topic;  // which stays as long as the log holds an entry of its
        Clock::time_point appended;
    };

    Topic& topicOf(const std::string& name, Clock::time_point now)
    {
        auto& topic = topics_[name];
        if (topic)
        {
            unlink(*topic);
        }
        else
        {
            topic = std::make_unique<Topic>();
            topic->name = name;
        }
        topic->quietSince = now;
        linkNewest(*topic);
        return *topic;
    }

    void linkNewest(Topic& topic)
    {
        topic.older = newestTopic_;
        topic.newer = nullptr;
        (newestTopic_ ? newestTopic_->newer : oldestTopic_) = &topic;
        newestTopic_ = &topic;
    }

    void unlink(Topic& topic)
    {
        (topic.older ? topic.older->newer : oldestTopic_) = topic.newer;
        (topic.newer ? topic.newer->older : newestTopic_) = topic.older;
    }

    void trim(Clock::time_point now)
    {
        while (!entries_.empty())
        {
            const auto& oldest = entries_.front();
            const bool isTooOld = now - oldest.appended > options_.maxAge;
            if (!isTooOld && entries_.size() <= options_.maxEntries && bytes_ <= options_.maxBytes) return;
            bytes_ -= bytesOf(*oldest.entry);
            --oldest.topic->entries;
            entries_.pop_front();
        }
    }

    // Forgets it or puts it at the end of the line, so that each has its turn.
    void lookAtOldestTopic(Clock::time_point now)
    {
        Topic* const topic = oldestTopic_;
        if (!topic || now - topic->quietSince <= options_.forgetTopicAfter) return;
        unlink(*topic);
        if (topic->entries > 0 || isWanted(topic->name))
        {
            topic->quietSince = now;
            linkNewest(*topic);
            return;
        }
        topics_.erase(topics_.find(topic->name));
    }

    [[nodiscard]] bool isWanted(std::string_view topic) const
    {
        return std::any_of(sinks_.begin(), sinks_.end(), [&](const Attached& attached)
                           { return attached.sink && attached.sink->isWanted(topic); });
    }

    // A sink that appends in turn is told of that after everybody has been told of what came before.
    void tell(Clock::time_point now)
    {
        if (std::exchange(telling_, true)) return;
        while (!untold_.empty())
        {
            const EntryRef entry = std::move(untold_.front());
            untold_.pop_front();
            // By index and by value, because a sink may attach another.
            for (std::size_t index = 0; index < sinks_.size(); ++index)
                if (const auto [sink, since] = sinks_[index]; sink && entry->offset > since)
                    sink->appended({&entry, 1});
            // Here, where no sink is in the midst of an entry: they are asked whether a topic is wanted.
            for (int looked = 0; looked < topicsLookedAt; ++looked) lookAtOldestTopic(now);
        }
        telling_ = false;
        dropDetached();
    }

    void dropDetached() noexcept
    {
        std::erase_if(sinks_, [](const Attached& attached) { return !attached.sink; });
    }

    const MemoryBrokerOptions options_;
    std::deque<Kept> entries_;
    std::size_t bytes_ = 0;
    std::uint64_t newest_ = 0;  // the offset of what was appended last
    std::unordered_map<std::string, std::unique_ptr<Topic>> topics_;
    Topic* oldestTopic_ = nullptr;
    Topic* newestTopic_ = nullptr;
    std::vector<Attached> sinks_;
    std::deque<EntryRef> untold_;
    bool telling_ = false;
};

MemoryBroker::MemoryBroker(MemoryBrokerOptions options) : log_(std::make_unique<Log>(options)) {}

MemoryBroker::~MemoryBroker() = default;

void MemoryBroker::attach(BrokerSink& sink)
{
    log_->attach(sink);
}

void MemoryBroker::detach(BrokerSink& sink) noexcept
{
    log_->detach(sink);
}

std::optional<Appended> MemoryBroker::tryAppend(Publication& publication)
{
    return log_->append(std::move(publication));
}

Strand<Appended> MemoryBroker::append(Publication publication)
{
    co_return log_->append(std::move(publication));
}

Strand<LogRange> MemoryBroker::read(std::uint64_t offset, std::size_t limit)
{
    co_return log_->read(offset, limit);
}

std::size_t MemoryBroker::entryCount() const noexcept
{
    return log_->entryCount();
}

std::size_t MemoryBroker::byteCount() const noexcept
{
    return log_->byteCount();
}

std::size_t MemoryBroker::topicCount() const noexcept
{
    return log_->topicCount();
}

}  // namespace strandcast
