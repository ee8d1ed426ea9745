#pragma once

#include <strandcast/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace strandcast
{

/// What a log in memory knows of one topic.
struct LoggedTopic
{
    std::string name;
    std::uint64_t sequence = 0;    ///< of its newest event
    std::uint64_t newest = 0;      ///< the offset of its newest event, which the log may have given up
    std::size_t entries = 0;       ///< in the log
    Clock::time_point quietSince;  ///< its last publish, or the last time that it was found to be wanted
    LoggedTopic* older = nullptr;  ///< in the order in which they were looked at or published on
    LoggedTopic* newer = nullptr;
    std::size_t place = 0;  ///< among those that have entries
};

/// The topics of a log in memory. One that has no entries, that nobody wants and that is quiet for long
/// enough is forgotten when its turn to be looked at comes.
class TopicTable
{
public:
    TopicTable() = default;
    TopicTable(const TopicTable&) = delete;
    TopicTable& operator=(const TopicTable&) = delete;

    /// The topic, made if it is not there, as the one that was published on last.
    LoggedTopic& touch(const std::string& name, Clock::time_point now)
    {
        auto& topic = topics_[name];
        if (topic)
        {
            unlink(*topic);
        }
        else
        {
            std::unique_ptr<LoggedTopic> made;
            try
            {
                made = std::make_unique<LoggedTopic>();
                made->name = name;
            }
            catch (...)
            {
                topics_.erase(name);
                throw;
            }
            topic = std::move(made);
        }
        topic->quietSince = now;
        linkNewest(*topic);
        return *topic;
    }

    [[nodiscard]] const LoggedTopic* find(const std::string& name) const
    {
        const auto found = topics_.find(name);
        return found == topics_.end() ? nullptr : found->second.get();
    }

    /// Those that have entries in the log, in no order that lasts.
    [[nodiscard]] const std::vector<LoggedTopic*>& logged() const noexcept { return logged_; }

    /// An entry of the topic is in the log.
    void addEntry(LoggedTopic& topic)
    {
        if (topic.entries == 0)
        {
            logged_.push_back(&topic);
            topic.place = logged_.size() - 1;
        }
        ++topic.entries;
    }

    /// The log gave up an entry of the topic.
    void dropEntry(LoggedTopic& topic) noexcept
    {
        if (--topic.entries > 0) return;
        logged_[topic.place] = logged_.back();
        logged_[topic.place]->place = topic.place;
        logged_.pop_back();
    }

    /// Looks at the topic whose turn it is, if that is quiet for `age`: it is forgotten, or put at the end of
    /// the line, so that each has its turn.
    /// @returns whether one was looked at.
    template <typename IsWanted>
    bool lookAtOldest(Clock::time_point now, std::chrono::milliseconds age, IsWanted isWanted)
    {
        LoggedTopic* const topic = oldest_;
        if (!topic || now - topic->quietSince <= age) return false;
        const bool stays = topic->entries > 0 || isWanted(topic->name);
        unlink(*topic);
        if (stays)
        {
            topic->quietSince = now;
            linkNewest(*topic);
        }
        else
        {
            topics_.erase(topics_.find(topic->name));
        }
        return true;
    }

    [[nodiscard]] std::size_t size() const noexcept { return topics_.size(); }

private:
    void linkNewest(LoggedTopic& topic) noexcept
    {
        topic.older = newest_;
        topic.newer = nullptr;
        (newest_ ? newest_->newer : oldest_) = &topic;
        newest_ = &topic;
    }

    void unlink(LoggedTopic& topic) noexcept
    {
        (topic.older ? topic.older->newer : oldest_) = topic.newer;
        (topic.newer ? topic.newer->older : newest_) = topic.older;
    }

    std::unordered_map<std::string, std::unique_ptr<LoggedTopic>> topics_;
    std::vector<LoggedTopic*> logged_;
    LoggedTopic* oldest_ = nullptr;
    LoggedTopic* newest_ = nullptr;
};

}  // namespace strandcast
