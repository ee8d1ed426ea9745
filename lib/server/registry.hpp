#pragma once

#include "server/client_session.hpp"

#include <cstddef>
#include <map>
#include <string_view>
#include <unordered_map>

namespace strandcast
{

/// The clients of a server, in the order in which they connected.
class Registry
{
public:
    /// A client's place in the registry, as long as it lives.
    class Registration
    {
    public:
        Registration(Registry& registry, ClientSession& session) : registry_(registry), session_(session)
        {
            registry_.byNumber_.emplace(session.number(), &session);
            registry_.byId_.emplace(session.id(), &session);
        }
        Registration(const Registration&) = delete;
        Registration& operator=(const Registration&) = delete;
        ~Registration()
        {
            registry_.byNumber_.erase(session_.number());
            registry_.byId_.erase(session_.id());
        }

    private:
        Registry& registry_;
        ClientSession& session_;
    };

    [[nodiscard]] ClientSession* find(std::string_view id) const
    {
        const auto found = byId_.find(id);
        return found == byId_.end() ? nullptr : found->second;
    }

    [[nodiscard]] ClientSession* find(std::uint64_t number) const
    {
        const auto found = byNumber_.find(number);
        return found == byNumber_.end() ? nullptr : found->second;
    }

    [[nodiscard]] std::size_t size() const noexcept { return byNumber_.size(); }

    template <typename Visit>
    void forEach(Visit visit) const
    {
        for (const auto& [number, session] : byNumber_) visit(*session);
    }

private:
    std::map<std::uint64_t, ClientSession*> byNumber_;
    std::unordered_map<std::string_view, ClientSession*> byId_;  // each key is the session's own id
};

}  // namespace strandcast
