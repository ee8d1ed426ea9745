#include "broker/memory_log.hpp"

#include <algorithm>
#include <chrono>
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
    // All of it stands once more in each of the frames that the entry may keep, one for each version, with an
    // envelope around it.
    constexpr std::size_t envelope = 192;
    constexpr std::size_t frames = 2;
    const auto text = entry.textSize();
    return sizeof(LogEntry) + text + frames * (envelope + text);
}

}  // namespace

void MemoryBroker::Log::detach(BrokerSink& sink) noexcept
{
    // A place stays while the sinks are being told, so that nobody is passed over.
    for (auto& attached : sinks_)
        if (attached.sink == &sink) attached.sink = nullptr;
    if (!telling_) dropDetached();
}

// A few milliseconds too early matter to an age of as many.
Clock::time_point MemoryBroker::Log::now() const noexcept
{
    const bool isCoarse = std::min(options_.maxAge, options_.forgetTopicAfter) >= std::chrono::seconds(1);
    return isCoarse ? options_.clock->coarseNow() : options_.clock->now();
}

Appended MemoryBroker::Log::append(std::span<const Publication> publications)
{
    const auto now = this->now();
    std::size_t count = 0;
    try
    {
        for (; count < publications.size(); ++count) appendOne(publications[count], now);
    }
    catch (...)
    {
        for (; count > 0; --count) takeBack();
        throw;
    }
    if (count == 0) return {};
    const auto& first = *entries_[entries_.size() - count].entry;
    const Appended appended{first.sequenceNumber, first.offset};
    trim(now);
    tell(now);
    return appended;
}

void MemoryBroker::Log::appendOne(const Publication& publication, Clock::time_point now)
{
    auto& topic = topics_.touch(publication.topic, now);
    auto entry = LogEntry::make(publication, topic.sequence + 1, newest_ + 1);
    untold_.push_back(entry);
    try
    {
        entries_.push_back({std::move(entry), &topic, now, topic.newest});
        try
        {
            topics_.addEntry(topic);
        }
        catch (...)
        {
            entries_.pop_back();
            throw;
        }
    }
    catch (...)
    {
        untold_.pop_back();
        throw;
    }
    ++topic.sequence;
    topic.newest = ++newest_;
    bytes_ += bytesOf(*entries_.back().entry);
}

// Undoes the last appendOne().
void MemoryBroker::Log::takeBack() noexcept
{
    auto& last = entries_.back();
    bytes_ -= bytesOf(*last.entry);
    --newest_;
    --last.topic->sequence;
    last.topic->newest = last.previous;
    topics_.dropEntry(*last.topic);
    entries_.pop_back();
    untold_.pop_back();
}

void MemoryBroker::Log::trim(Clock::time_point now) noexcept
{
    while (!entries_.empty())
    {
        const auto& oldest = entries_.front();
        const bool isTooOld = now - oldest.appended > options_.maxAge;
        if (!isTooOld && entries_.size() <= options_.maxEntries && bytes_ <= options_.maxBytes) return;
        bytes_ -= bytesOf(*oldest.entry);
        topics_.dropEntry(*oldest.topic);
        entries_.pop_front();
    }
}

void MemoryBroker::Log::lookAtTopics(Clock::time_point now)
{
    // Not while a sink is in the midst of an entry: they are asked whether a topic is wanted.
    if (telling_) return;
    for (int looked = 0; looked < topicsLookedAt; ++looked)
        topics_.lookAtOldest(now, options_.forgetTopicAfter,
                             [this](std::string_view topic) { return isWanted(topic); });
}

bool MemoryBroker::Log::isWanted(std::string_view topic) const
{
    return std::any_of(sinks_.begin(), sinks_.end(), [&](const Attached& attached)
                       { return attached.sink && attached.sink->isWanted(topic); });
}

// A sink that appends in turn is told of that after everybody has been told of what came before.
void MemoryBroker::Log::tell(Clock::time_point now)
{
    if (std::exchange(telling_, true)) return;
    std::exception_ptr failure;
    std::size_t told = 0;
    for (; !untold_.empty(); ++told)
    {
        const EntryRef entry = std::move(untold_.front());
        untold_.pop_front();
        if (auto failed = tellAll(entry); failed && !failure) failure = std::move(failed);
    }
    telling_ = false;
    dropDetached();
    for (; told > 0; --told) lookAtTopics(now);
    if (failure) std::rethrow_exception(failure);
}

// One sink that breaks its promise not to throw keeps no other from being told.
std::exception_ptr MemoryBroker::Log::tellAll(const EntryRef& entry)
{
    std::exception_ptr failure;
    // By index and by value, because a sink may attach another.
    for (std::size_t index = 0; index < sinks_.size(); ++index)
    {
        const auto [sink, since] = sinks_[index];
        if (!sink || entry->offset <= since) continue;
        try
        {
            sink->appended({&entry, 1});
        }
        catch (...)
        {
            if (!failure) failure = std::current_exception();
        }
    }
    return failure;
}

LogRange MemoryBroker::Log::read(std::uint64_t offset, std::size_t limit)
{
    const auto now = this->now();
    trim(now);
    lookAtTopics(now);
    LogRange range;
    range.oldestOffset = oldestOffset();
    const auto skipped = offset < range.oldestOffset ? 0 : offset - range.oldestOffset + 1;
    for (auto index = skipped; index < entries_.size() && range.entries.size() < limit; ++index)
        range.entries.push_back(entries_[index].entry);
    return range;
}

LastEntries MemoryBroker::Log::readLast(const LastQuery& query)
{
    trim(now());
    LastEntries last;
    last.newestOffset = newest_;
    for (const auto& name : query.topics)
        if (const auto* const topic = topics_.find(name)) collectLast(*topic, query.perTopic, last.entries);
    if (query.matches)
        for (const auto* const topic : topics_.logged())
            if (query.matches(topic->name)) collectLast(*topic, query.perTopic, last.entries);
    const auto byOffset = [](const EntryRef& one, const EntryRef& other)
    { return one->offset < other->offset; };
    std::sort(last.entries.begin(), last.entries.end(), byOffset);
    // A topic may be named and matched.
    last.entries.erase(std::unique(last.entries.begin(), last.entries.end()), last.entries.end());
    return last;
}

void MemoryBroker::Log::collectLast(const LoggedTopic& topic, std::size_t count,
                                    std::vector<EntryRef>& found) const
{
    const auto oldest = oldestOffset();
    for (auto offset = topic.newest; count > 0 && offset >= oldest && offset != 0; --count)
    {
        const auto& kept = entries_[offset - oldest];
        found.push_back(kept.entry);
        offset = kept.previous;
    }
}

std::size_t MemoryBroker::Log::entryCount()
{
    trim(now());
    return entries_.size();
}

std::size_t MemoryBroker::Log::byteCount()
{
    trim(now());
    return bytes_;
}

std::size_t MemoryBroker::Log::topicCount()
{
    const auto now = this->now();
    trim(now);
    const auto isWantedNow = [this](std::string_view topic) { return isWanted(topic); };
    while (!telling_ && topics_.lookAtOldest(now, options_.forgetTopicAfter, isWantedNow))
    {
    }
    return topics_.size();
}

void MemoryBroker::Log::dropDetached() noexcept
{
    std::erase_if(sinks_, [](const Attached& attached) { return !attached.sink; });
}

}  // namespace strandcast
