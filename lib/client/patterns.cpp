#include "client/patterns.hpp"

namespace strandcast
{

std::vector<TopicPattern> patternsOf(const std::vector<std::string>& topics)
{
    constexpr TopicLimits anyTopic{.maxBytes = 64 * 1024, .maxSegments = 4 * 1024};
    std::vector<TopicPattern> patterns;
    patterns.reserve(topics.size());
    for (const auto& topic : topics) patterns.emplace_back(topic, anyTopic);
    return patterns;
}

}  // namespace strandcast
