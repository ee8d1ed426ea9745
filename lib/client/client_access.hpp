#pragma once

#include <strandcast/ws_client.hpp>

#include <memory>

namespace strandcast
{

/// For the channel clients, which are built on a client: its core, which outlives the handle for as long as
/// somebody holds it; an abandoned one asks nothing of a server any more.
struct ClientAccess
{
    [[nodiscard]] static const std::shared_ptr<ClientCore>& core(const WSClient& client) noexcept
    {
        return client.core_;
    }
};

}  // namespace strandcast
