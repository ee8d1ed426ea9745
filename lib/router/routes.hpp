#pragma once

#include <strandcast/topics.hpp>
#include <strandcast/ws_router.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// A route, kept while a publish passes it, whatever becomes of the router.
struct Route
{
    TopicPattern topic;
    RouteHandler handler;
    std::vector<Middleware> middleware;
};

using RoutesOfTopic = std::vector<std::shared_ptr<const Route>>;

/// The routes of a router, in the order of their registration.
class Routes
{
public:
    void add(Route route) { routes_.push_back(std::make_shared<const Route>(std::move(route))); }

    /// Removes those registered with exactly this topic, and tells how many there were.
    std::size_t remove(std::string_view topic)
    {
        return std::erase_if(routes_, [&](const auto& route) { return route->topic.text() == topic; });
    }

    [[nodiscard]] RoutesOfTopic matching(std::string_view topic) const
    {
        RoutesOfTopic found;
        for (const auto& route : routes_)
            if (route->topic.matches(topic)) found.push_back(route);
        return found;
    }

    [[nodiscard]] bool empty() const noexcept { return routes_.empty(); }
    void clear() noexcept { routes_.clear(); }

private:
    RoutesOfTopic routes_;
};

}  // namespace strandcast
