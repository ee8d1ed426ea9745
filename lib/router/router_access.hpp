#pragma once

#include "router/router_parts.hpp"

#include <strandcast/ws_router.hpp>

#include <memory>

namespace strandcast
{

/// For the channel servers, which are built on a router: the core at its home, where every publish passes the
/// gates. It outlives its handle for as long as somebody holds it; an abandoned one publishes nothing.
struct RouterAccess
{
    [[nodiscard]] static const std::shared_ptr<RouterCore>& core(const WSRouter& router) noexcept
    {
        return router.parts_->home();
    }

    /// All of its cores.
    [[nodiscard]] static const std::shared_ptr<const RouterParts>& parts(const WSRouter& router) noexcept
    {
        return router.parts_;
    }
};

}  // namespace strandcast
