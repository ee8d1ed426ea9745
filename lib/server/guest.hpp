#pragma once

#include "server/admission.hpp"
#include "server/arrival.hpp"
#include "server/client_session.hpp"
#include "server/registry.hpp"
#include "server/server_core.hpp"
#include "server/upgrade.hpp"

#include <memory>
#include <utility>

namespace strandcast
{

/// A client that was let in, and the places that are its own for as long as it is one.
struct Guest
{
    Guest(std::shared_ptr<ServerCore> server, Admission let, Arrival arrived,
          std::unique_ptr<Transport> transport)
        : core(std::move(server)),
          place(core->guests()),
          admission(std::move(let)),
          arrival(std::move(arrived)),
          session(*core, std::move(transport), ++core->totals().connections)
    {
        core->registry().add(session);
    }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    ~Guest() { core->registry().remove(session); }

    /// What its upgrade says of it.
    void welcome(const AcceptedUpgrade& upgraded)
    {
        if (core->authenticates())
            session.holdUntilAuthenticated(arrival.slot);
        else
            arrival.slot.release();
        session.compress(upgraded.deflate);
        session.setUpgrade(upgraded);
        if (arrival.proxied && !arrival.proxied->client.empty())
            session.setClientAddress(std::exchange(arrival.proxied, nullptr)->client);
    }

    const std::shared_ptr<ServerCore> core;
    const GuestCount::Place place;
    const Admission admission;
    Arrival arrival;
    ClientSession session;
};

}  // namespace strandcast
