#pragma once

#include <strandcast/backpressure.hpp>
#include <strandcast/message.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

class ClientSession;

/// What a request handler keeps with a client, from opened() to the client's end.
struct SessionData
{
    virtual ~SessionData() = default;
};

/// Who serves what clients ask for once they are authenticated: the router. A server without one refuses.
/// Called inline, on the server's thread; each request is answered once, with ClientSession::acknowledge() or
/// refuse(), then or later.
class RequestHandler
{
public:
    virtual void opened(ClientSession& client) = 0;
    /// The client is gone; the last that is heard of it.
    virtual void closed(ClientSession& client) noexcept = 0;

    virtual void subscribe(ClientSession& client, SubscribeMessage request) = 0;
    virtual void unsubscribe(ClientSession& client, UnsubscribeMessage request) = 0;
    virtual void publish(ClientSession& client, PublishMessage request) = 0;

    /// The client has authenticated anew, and is not read until this has returned.
    virtual void reauthenticated(ClientSession& client) { static_cast<void>(client); }

    /// Some of what waits for the client has left.
    virtual void sent(ClientSession& client) { static_cast<void>(client); }

    /// An event that the client was to have will not reach it. Told once for each, before closed().
    virtual void eventDropped(ClientSession& client, std::string_view topic, DropReason reason) noexcept
    {
        static_cast<void>(client);
        static_cast<void>(topic);
        static_cast<void>(reason);
    }

    [[nodiscard]] virtual std::vector<std::string> subscriptions(const ClientSession& client) const = 0;

    /// The server goes: nothing of it may be used any more.
    virtual void serverGone() noexcept = 0;

protected:
    ~RequestHandler() = default;
};

}  // namespace strandcast
