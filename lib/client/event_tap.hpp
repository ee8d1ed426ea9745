#pragma once

#include <strandcast/ws_client.hpp>

#include <string>

namespace strandcast
{

/// Hears what a client's streams hear, as it comes and without a reader: for what sorts the events in a way
/// of its own. Called on the client's thread.
class EventTap
{
public:
    virtual ~EventTap() = default;

    /// What is replayed as well: see EventMessage::replay.
    virtual void heard(const EventMessage& event) = 0;

    /// Events may have been missed: the connection was lost.
    virtual void missed() = 0;

    /// Events of this topic were: the server dropped them.
    virtual void missed(const std::string& topic) = 0;

    /// What was missed is over, and what was subscribed to is again.
    virtual void resumed() = 0;

    /// The streams end. The client may connect anew, and then there are events again.
    virtual void ended() = 0;
};

}  // namespace strandcast
