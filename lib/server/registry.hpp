#pragma once

#include "server/client_session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace strandcast
{

/// The clients of a server, in the order in which they connected. Each is there from add() to remove(), for
/// as long as it lives.
class Registry
{
public:
    void add(ClientSession& session)
    {
        byId_.insert(&session);
        try
        {
            // Nearly always the last.
            inOrder_.insert(placeOf(session.number()), {session.number(), &session});
        }
        catch (...)
        {
            byId_.erase(&session);
            throw;
        }
    }

    void remove(ClientSession& session) noexcept
    {
        byId_.erase(&session);
        const auto place = placeOf(session.number()) - inOrder_.cbegin();
        inOrder_[static_cast<std::size_t>(place)].session = nullptr;
        // Half of them at a time, so that each costs the same however many there are.
        if (byId_.size() < inOrder_.size() / 2)
            std::erase_if(inOrder_, [](const Entry& entry) { return !entry.session; });
    }

    [[nodiscard]] ClientSession* find(std::string_view id) const
    {
        const auto found = byId_.find(id);
        return found == byId_.end() ? nullptr : *found;
    }

    [[nodiscard]] ClientSession* find(std::uint64_t number) const
    {
        const auto found = placeOf(number);
        return found == inOrder_.end() || found->number != number ? nullptr : found->session;
    }

    [[nodiscard]] std::size_t size() const noexcept { return byId_.size(); }

    /// No client leaves inside a visit: each does so in a turn of its own.
    template <typename Visit>
    void forEach(Visit visit) const
    {
        for (const auto& entry : inOrder_)
            if (entry.session) visit(*entry.session);
    }

private:
    struct Entry
    {
        std::uint64_t number;
        ClientSession* session;  // none: it is gone
    };

    // Each client's id is kept with the client alone.
    struct HashOfId
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view id) const noexcept
        {
            return std::hash<std::string_view>()(id);
        }
        std::size_t operator()(const ClientSession* session) const noexcept
        {
            return (*this)(session->idText());
        }
    };
    struct SameId
    {
        using is_transparent = void;
        static std::string_view of(std::string_view id) noexcept { return id; }
        static std::string_view of(const ClientSession* session) noexcept { return session->idText(); }
        bool operator()(const auto& one, const auto& other) const noexcept { return of(one) == of(other); }
    };

    [[nodiscard]] std::vector<Entry>::const_iterator placeOf(std::uint64_t number) const
    {
        return std::ranges::lower_bound(inOrder_, number, {}, &Entry::number);
    }

    std::vector<Entry> inOrder_;
    std::unordered_set<ClientSession*, HashOfId, SameId> byId_;
};

}  // namespace strandcast
