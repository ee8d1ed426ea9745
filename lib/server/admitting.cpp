// Who comes in: from the listener through the handshake to a client that is served.

#include "coro/sleep.hpp"
#include "server/guest.hpp"
#include "server/server_core.hpp"
#include "server/turn_away.hpp"
#include "transport/socket_address.hpp"
#include "websocket/upgrade_request.hpp"

#include <asio/dispatch.hpp>

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

using namespace std::chrono_literals;

constexpr auto tooManyConnections = "Max connections reached";
constexpr auto tooManyOfAddress = "Too many connections from this address";

// With no descriptor left accepting waits for some to come back, and asks ever more rarely.
constexpr std::chrono::milliseconds firstAcceptPause = 10ms;
constexpr std::chrono::milliseconds longestAcceptPause = 1s;

std::string textOf(const asio::ip::address& address)
{
    return address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
}

}  // namespace

// One part after the other: each gets as many.
std::shared_ptr<ServerCore> ServerCore::nextPart() const
{
    return parts_[nextPart_ % parts_.size()].lock();
}

std::unique_ptr<Transport> ServerCore::transportOf(AcceptedSocket socket) const
{
    auto transport = std::make_unique<StreamTransport>(executor_, std::move(socket));
    if (!totals_->tls) return transport;
    return totals_->tls->secure(executor_, std::move(transport));
}

void ServerCore::serve(const std::shared_ptr<ServerCore>& core, std::unique_ptr<Transport> transport)
{
    adopt(core, std::move(transport), {HandshakeSlots::Slot(core->totals_->handshakes), nullptr, nullptr});
}

void ServerCore::adopt(const std::shared_ptr<ServerCore>& core, AcceptedSocket socket, Arrival arrival)
{
    if (!core->admitting_) return;  // nobody would end it any more
    try
    {
        adopt(core, core->transportOf(std::move(socket)), std::move(arrival));
    }
    catch (const std::exception& failure)
    {
        core->failed(failure);
    }
}

void ServerCore::adopt(const std::shared_ptr<ServerCore>& core, std::unique_ptr<Transport> transport,
                       Arrival arrival)
{
    if (core->admitting_) core->run_->handshakes.spawn(serve(core, std::move(transport), std::move(arrival)));
}

Strand<> ServerCore::accept(std::shared_ptr<ServerCore> core, std::shared_ptr<Listener> listener)
{
    auto pause = firstAcceptPause;
    while (listener->isOpen())
    {
        asio::error_code error;
        try
        {
            error = co_await acceptOne(core, listener);
        }
        catch (const asio::system_error& ended)
        {
            error = ended.code();
        }
        catch (const std::exception& failure)
        {
            core->failed(failure);
            error = asio::error::no_memory;  // what it is, as far as is known
        }
        if (error == asio::error::operation_aborted) co_return;
        if (error == asio::error::connection_aborted) continue;  // gone before it was taken
        if (!error)
        {
            pause = firstAcceptPause;
            continue;
        }
        core->events().tell<ServerError>(std::string(), "cannot accept a connection: " + error.message());
        co_await sleepFor(core->shard_->clock(), pause);
        pause = std::min(pause * 2, longestAcceptPause);
    }
}

Strand<asio::error_code> ServerCore::acceptOne(std::shared_ptr<ServerCore> core,
                                               std::shared_ptr<Listener> listener)
{
    auto passage = co_await Turnstile::enter(core->entrance_);
    co_await HandshakeSlots::waitForOne(core->totals_->handshakes);
    if (core->pace_.isLimited()) co_await sleepUntil(core->shard_->clock(), core->pace_.next());
    if (!listener->isOpen()) co_return asio::error::operation_aborted;
    const auto part = core->nextPart();
    if (!part) co_return asio::error::operation_aborted;  // the handle has gone
    asio::error_code error;
    auto socket = listener->tryAccept(error);
    if (error == asio::error::would_block)
    {
        passage.leave();
        co_await listener->wait();
        co_return asio::error_code();
    }
    if (error) co_return error;
    core->pace_.took(core->shard_->clock().now());
    auto arrival = core->admit(socket);
    if (arrival)
    {
        ++core->nextPart_;
        asio::dispatch(part->executor_,
                       [part, socket = std::move(socket), arrival = std::move(*arrival)]() mutable
                       { adopt(part, std::move(socket), std::move(arrival)); });
    }
    else
        core->refuse(std::move(socket));
    co_await yieldTurn();  // however many there are, those who are here have their turn
    co_return error;
}

// Nothing where its address has as many as it may.
std::optional<Arrival> ServerCore::admit(const AcceptedSocket& socket) const
{
    Arrival arrival{HandshakeSlots::Slot(totals_->handshakes), nullptr, nullptr};
    if (!totals_->addresses && totals_->proxies.isEmpty()) return arrival;
    const auto peer = socket.peer();
    if (!peer) return arrival;  // it has gone
    const auto address = ipAddressOf(*peer);
    if (totals_->proxies.trust(address))
        arrival.proxied = std::make_unique<Proxied>(Proxied{address, {}});
    else if (totals_->addresses && address && !(arrival.place = placeOf(*address)))
        return std::nullopt;
    return arrival;
}

// None where it has as many as it may.
std::unique_ptr<const AddressPlaces::Place> ServerCore::placeOf(const asio::ip::address& address) const
{
    auto taken = AddressPlaces::take(totals_->addresses, address);
    if (!taken) return nullptr;
    return std::make_unique<const AddressPlaces::Place>(std::move(*taken));
}

// Of a trusted proxy's connection: whom it is of, and whether there is room for one more of that address.
std::optional<HttpRefusal> ServerCore::judgeProxied(const HttpRequest& request, Arrival& arrival) const
{
    auto told = totals_->proxies.clientOf(arrival.proxied->proxy, request.head);
    if (auto* const refusal = std::get_if<HttpRefusal>(&told)) return std::move(*refusal);
    const auto client = std::get<std::optional<asio::ip::address>>(told);
    if (!client) return std::nullopt;
    if (client != arrival.proxied->proxy) arrival.proxied->client = textOf(*client);
    if (!totals_->addresses || (arrival.place = placeOf(*client))) return std::nullopt;
    events().tell<Refused>(textOf(*client), tooManyOfAddress);
    return HttpRefusal{429, tooManyOfAddress};
}

// Here, where it was accepted, and not on the shard that it was to be of.
void ServerCore::refuse(AcceptedSocket socket)
{
    StreamTransport transport(executor_, std::move(socket));
    events().tell<Refused>(transport.peerAddress(), tooManyOfAddress);
    if (totals_->tls) return;  // a handshake would cost more than the connection
    turnAway(transport, refusalResponse({429, tooManyOfAddress}), shard_->readBuffer());
}

// What one client's strand throws ends this client, and nobody else. What the handshake needs goes with it: a
// client that is let in has a strand of its own.
Strand<> ServerCore::serve(std::shared_ptr<ServerCore> core, std::unique_ptr<Transport> transport,
                           Arrival arrival)
{
    try
    {
        auto upgraded = co_await shakeHands(core, *transport, arrival);
        if (!upgraded || !core->admitting_) co_return;  // it went, or nobody is let in any more
        Admission admission(core->totals_->open, core->options_.maxConnections);
        if (admission)
            attend(std::make_unique<Guest>(core, std::move(admission), std::move(transport)), arrival,
                   *upgraded);
        else
            co_await rejectOverLimit(core, std::move(transport), std::move(*upgraded), arrival);
    }
    catch (const asio::system_error& failure)
    {
        if (failure.code() != asio::error::operation_aborted) core->failed(failure);
    }
    catch (const std::exception& failure)
    {
        core->failed(failure);
    }
}

// `arrival` and `upgraded` are the caller's, and used before the first suspension alone. Whatever ends the
// client, its writer and its hooks refer to it until they have ended.
LeanStrand ServerCore::attend(std::unique_ptr<Guest> guest, Arrival& arrival, AcceptedUpgrade& upgraded)
{
    bool hasFailed = true;
    try
    {
        guest->begin(upgraded, arrival);
        while (!guest->session.isOver()) co_await guest->session.reading();
        hasFailed = false;
    }
    catch (const std::exception& failure)
    {
        guest->core->failed(failure, guest->session.id());
    }
    catch (...)
    {
        guest->core->events().tell<ServerError>(guest->session.id(), "not a std::exception");
    }
    guest->session.abandon();
    while (guest->session.isWriting()) co_await guest->session.woken();
    if (guest->session.hasHooks()) co_await LeanWait(guest->core->executor_, guest->session.hooksEnded());
    guest->session.end(hasFailed);
}

// Nothing where its time was over, it went, or the server ends.
Strand<std::optional<AcceptedUpgrade>> ServerCore::shakeHands(std::shared_ptr<ServerCore> core,
                                                              Transport& transport, Arrival& arrival)
{
    try
    {
        const auto now = core->shard_->clock().now();
        const auto deadline = now + core->options_.handshakeTimeout;
        if (deadline <= now) co_return std::nullopt;  // it was given no time at all
        const HandshakeDeadlines::Membership membership(core->handshakes_, transport, deadline);
        JudgeRequest judgeRequest;
        if (arrival.proxied)
            judgeRequest = [&](const HttpRequest& request) { return core->judgeProxied(request, arrival); };
        co_return co_await acceptUpgrade(transport, core->upgradeOptions_, core->shard_->readBuffer(),
                                         std::move(judgeRequest));
    }
    catch (const asio::system_error&)
    {
        co_return std::nullopt;
    }
}

Strand<> ServerCore::rejectOverLimit(std::shared_ptr<ServerCore> core, std::unique_ptr<Transport> transport,
                                     AcceptedUpgrade upgraded, const Arrival& arrival)
{
    // The upgrade is complete all the same, so that a browser can read why.
    struct Deaf final : ConnectionHandler
    {
        void onText(std::string_view) override {}
    } deaf;

    const bool isProxied = arrival.proxied && !arrival.proxied->client.empty();
    core->events().tell<Refused>(isProxied ? arrival.proxied->client : transport->peerAddress(),
                                 tooManyConnections);
    PeerConnection connection(*core->shard_, std::move(transport), core->connectionOptions_, deaf);
    connection.sendRaw(upgraded.response);
    if (upgraded.deflate) connection.compress(*upgraded.deflate, *core->options_.deflate);
    connection.close({CloseCode::policyViolation, tooManyConnections});
    co_await connection.run(std::move(upgraded.received));
}

}  // namespace strandcast
