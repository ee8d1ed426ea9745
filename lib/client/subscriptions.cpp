#include "client/subscriptions.hpp"

#include <utility>

namespace strandcast
{

namespace
{

// With room for the envelope, and for what JSON escapes.
constexpr std::size_t maxTopicBytes = 48 * 1024;
constexpr std::size_t perTopic = 3;  // quotes and comma

}  // namespace

void Subscriptions::add(const std::vector<std::string>& topics)
{
    for (const auto& topic : topics) ++topics_[topic].wanted;
}

void Subscriptions::grant(const std::vector<std::string>& topics)
{
    for (const auto& topic : topics)
        if (const auto found = topics_.find(topic); found != topics_.end()) found->second.isGranted = true;
}

std::vector<std::string> Subscriptions::takeBack(const std::vector<std::string>& topics)
{
    std::vector<std::string> unwanted;
    for (const auto& topic : topics)
    {
        const auto found = topics_.find(topic);
        if (found == topics_.end() || --found->second.wanted > 0) continue;
        topics_.erase(found);
        unwanted.push_back(topic);
    }
    return unwanted;
}

std::vector<std::string> Subscriptions::granted() const
{
    std::vector<std::string> topics;
    for (const auto& [topic, state] : topics_)
        if (state.isGranted) topics.push_back(topic);
    return topics;
}

std::vector<std::vector<std::string>> inRequests(std::vector<std::string> topics)
{
    std::vector<std::vector<std::string>> requests;
    std::size_t bytes = maxTopicBytes;
    for (auto& topic : topics)
    {
        bytes += topic.size() + perTopic;
        if (bytes > maxTopicBytes)
        {
            requests.emplace_back();
            bytes = topic.size() + perTopic;
        }
        requests.back().push_back(std::move(topic));
    }
    return requests;
}

}  // namespace strandcast
