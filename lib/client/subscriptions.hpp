#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace strandcast
{

/// What a client is subscribed to: how many parts of the program want each topic, and which of them the
/// server has granted.
class Subscriptions
{
public:
    /// Each of the topics is wanted once more.
    void add(const std::vector<std::string>& topics);

    /// The server gives them; after a reconnect they are asked for again.
    void grant(const std::vector<std::string>& topics);

    /// Each is wanted once less.
    /// @returns those that nobody wants any more.
    [[nodiscard]] std::vector<std::string> takeBack(const std::vector<std::string>& topics);

    [[nodiscard]] bool contains(const std::string& topic) const { return topics_.contains(topic); }
    [[nodiscard]] std::vector<std::string> granted() const;
    void clear() noexcept { topics_.clear(); }

private:
    struct Topic
    {
        std::size_t wanted = 0;
        bool isGranted = false;
    };

    std::map<std::string, Topic> topics_;
};

/// Topics in as few requests as a server takes that accepts a message of 64 KiB.
[[nodiscard]] std::vector<std::vector<std::string>> inRequests(std::vector<std::string> topics);

}  // namespace strandcast
