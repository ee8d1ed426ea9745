#pragma once

#include "channel/channel_server_core.hpp"

namespace strandcast
{

/// What a SwarmChannelServer is a handle on.
class SwarmServerCore final : public ChannelServerCore<SwarmPayloads>
{
public:
    using ChannelServerCore::ChannelServerCore;
};

}  // namespace strandcast
