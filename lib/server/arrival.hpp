#pragma once

#include "server/address_places.hpp"
#include "server/handshake_slots.hpp"

#include <asio/ip/address.hpp>

#include <memory>
#include <optional>
#include <string>

namespace strandcast
{

/// A connection of a trusted proxy's.
struct Proxied
{
    std::optional<asio::ip::address> proxy;  ///< none: it came over a Unix socket
    std::string client;                      ///< whom it is of, once that is told
};

/// What a connection holds from when it was accepted.
struct Arrival
{
    HandshakeSlots::Slot slot;
    std::unique_ptr<const AddressPlaces::Place> place = {};  ///< none: its address is not counted
    std::unique_ptr<Proxied> proxied = {};                   ///< none: it comes from nobody who is trusted
};

}  // namespace strandcast
