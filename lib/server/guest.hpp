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
    Guest(std::shared_ptr<ServerCore> server, Admission let, std::unique_ptr<Transport> transport)
        : core(std::move(server)),
          place(core->guests()),
          admission(std::move(let)),
          session(*core, std::move(transport), ++core->totals().connections)
    {
        core->registry().add(session);
    }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    ~Guest() { core->registry().remove(session); }

    /// Begins the conversation with what its upgrade and its arrival say of it. Not inline: what it needs on
    /// the way would stay in the frame of the strand that calls it.
    void begin(AcceptedUpgrade& upgraded, Arrival& arrival);

    const std::shared_ptr<ServerCore> core;
    const GuestCount::Place place;
    const Admission admission;
    ClientSession session;
};

}  // namespace strandcast
