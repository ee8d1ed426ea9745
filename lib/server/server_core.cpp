#include "server/server_core.hpp"

#include "coro/sleep.hpp"
#include "message/message_id.hpp"
#include "server/listen_places.hpp"
#include "server/turn_away.hpp"
#include "transport/socket_address.hpp"
#include "websocket/upgrade_request.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message_serializer.hpp>

#include <asio/dispatch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

using namespace std::chrono_literals;

// To who speaks HTTP where TLS is expected: a person, mostly, who reads the first line alone.
constexpr auto plainAnswer =
    "HTTP/1.1 400 TLS is spoken here: wss is expected\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

constexpr auto tooManyConnections = "Max connections reached";
constexpr auto tooManyOfAddress = "Too many connections from this address";

// With no descriptor left accepting waits for some to come back, and asks ever more rarely.
constexpr std::chrono::milliseconds firstAcceptPause = 10ms;
constexpr std::chrono::milliseconds longestAcceptPause = 1s;

// Longer than any process runs, and short enough to calculate with.
constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365);

std::chrono::milliseconds withinReason(std::chrono::milliseconds time)
{
    return std::clamp(time, 0ms, longest);
}

std::chrono::milliseconds timeoutOf(std::chrono::milliseconds option)
{
    return option == 0ms ? longest : withinReason(option);
}

/// The options as they are used: without the hook, and with times that can be calculated with.
WSServerOptions settled(WSServerOptions options)
{
    options.authenticate = nullptr;
    options.authorize = nullptr;
    options.handshakeTimeout = timeoutOf(options.handshakeTimeout);
    options.authTimeout = timeoutOf(options.authTimeout);
    options.heartbeatInterval = withinReason(options.heartbeatInterval);
    options.closeTimeout = withinReason(options.closeTimeout);
    if (options.rateLimit) options.rateLimit->window = withinReason(options.rateLimit->window);
    return options;
}

std::string textOf(const asio::ip::address& address)
{
    return address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
}

UpgradeInfo infoOf(const AcceptedUpgrade& upgraded)
{
    const auto& request = upgraded.request;
    UpgradeInfo info{request.path, request.query, std::string(*request.head.first("Host")), {}, {}, {}};
    if (const auto origin = request.head.first("Origin")) info.origin = std::string(*origin);
    if (const auto authorization = request.head.first("Authorization"))
        info.authorization = std::string(*authorization);
    info.subprotocol = upgraded.subprotocol;
    return info;
}

ConnectionOptions connectionOptionsOf(const WSServerOptions& options, bool authenticates)
{
    ConnectionOptions connection;
    connection.role = Role::server;
    connection.protocol.maxMessageSize =
        authenticates ? options.maxUnauthenticatedMessageSize : options.maxMessageSize;
    connection.protocol.acceptBinary = false;
    connection.outbox = {options.queueSize, options.queueBytes};
    connection.maxAnswerBytes = options.replyBytes;
    connection.heartbeatInterval = options.heartbeatInterval;
    connection.closeTimeout = options.closeTimeout;
    connection.shortestDeadline = options.authTimeout;
    return connection;
}

/// One of the connections that a server may have, from when it is let in to its end.
class Admission
{
public:
    Admission(std::shared_ptr<ServerTotals> totals, std::size_t maxConnections)
        : totals_(std::move(totals)),
          admitted_(totals_->open.fetch_add(1) < maxConnections)
    {
        if (!admitted_) --totals_->open;
    }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;
    ~Admission()
    {
        if (admitted_) --totals_->open;
    }

    explicit operator bool() const noexcept { return admitted_; }

private:
    const std::shared_ptr<ServerTotals> totals_;
    const bool admitted_;
};

}  // namespace

ServerTotals::ServerTotals(ShardExecutor first, const WSServerOptions& options, std::size_t ofParts)
    : parts(ofParts),
      events(first, options.eventStreamSize),
      handshakes(std::make_shared<HandshakeSlots>(first, *options.clock, options.maxHandshakes)),
      addresses(options.maxConnectionsPerAddress
                    ? std::make_shared<AddressPlaces>(*options.maxConnectionsPerAddress)
                    : nullptr),
      proxies(options.trustedProxies),
      tls(options.tls ? std::make_unique<TlsServerContext>(*options.tls, plainAnswer) : nullptr)
{
}

ServerCore::ServerCore(ShardExecutor executor, const WSServerOptions& options)
    : ServerCore(executor, options, std::make_shared<ServerTotals>(executor, options, 1))
{
}

ServerCore::ServerCore(ShardExecutor executor, WSServerOptions options, std::shared_ptr<ServerTotals> totals)
    : lease_(executor),
      executor_(executor),
      options_(settled(options)),
      connectionOptions_(connectionOptionsOf(options_, static_cast<bool>(options.authenticate))),
      upgradeOptions_{
          options.path,
          {options.allowedOrigins, options.allowedHosts, listenOnLoopbackAlone(placesOf(options))},
          options.subprotocols,
          {options.maxRequestLineSize, options.maxHeaderCount, options.maxHeaderSize},
          options.deflate},
      authenticates_(static_cast<bool>(options.authenticate)),
      authorizes_(static_cast<bool>(options.authorize)),
      authenticate_(options.authenticate
                        ? std::make_shared<const Authenticate>(std::move(options.authenticate))
                        : nullptr),
      authorize_(options.authorize ? std::make_shared<const Authorize>(std::move(options.authorize))
                                   : nullptr),
      shard_(std::make_shared<Shard>(executor, *options.clock, *options.random,
                                     options.maxQueuedBytes / totals->parts)),
      handshakes_(std::make_shared<HandshakeDeadlines>(executor, *options.clock)),
      pace_(options_.maxAcceptsPerSecond),
      entrance_(std::make_shared<Turnstile>(executor)),
      totals_(std::move(totals))
{
}

Strand<> ServerCore::start(std::shared_ptr<ServerCore> core, std::uint64_t run,
                           std::vector<std::weak_ptr<ServerCore>> parts)
{
    core->throwIfGone();
    if (core->run_) throw Error(Errc::alreadyRunning, "the server is running already");
    core->listen();
    core->parts_ = std::move(parts);
    core->nextPart_ = 0;
    begin(core, run);
    for (const auto& listener : core->listeners_) core->run_->housekeeping.spawn(accept(core, listener));
    core->totals_->run = run;
    core->events().tell<Started>(core->options_.host, core->port(), core->addresses());
    co_return;
}

Strand<> ServerCore::join(std::shared_ptr<ServerCore> core, std::uint64_t run)
{
    core->throwIfGone();
    if (core->run_) throw Error(Errc::alreadyRunning, "the server is running already");
    begin(core, run);
    co_return;
}

void ServerCore::begin(const std::shared_ptr<ServerCore>& core, std::uint64_t run)
{
    core->run_ = std::make_shared<Run>(core->executor_, run);
    core->admitting_ = true;
    core->run_->housekeeping.spawn(Shard::sweep(core->shard_));
    core->run_->housekeeping.spawn(HandshakeDeadlines::watch(core->handshakes_));
}

void ServerCore::throwIfGone() const
{
    if (gone_) throw Error(Errc::cancelled);
}

// All of them or none.
void ServerCore::listen()
{
    const auto places = placesOf(options_);
    const ListenOptions listenOptions{options_.reusePort, listenEverywhereOnV4(places)};
    std::vector<std::shared_ptr<Listener>> listeners;
    std::vector<std::string> addresses;
    std::uint16_t port = 0;
    for (const auto& place : places)
    {
        const auto& listener =
            listeners.emplace_back(std::make_shared<Listener>(executor_, place, listenOptions));
        addresses.push_back(formatListenAddress(listener->address()));
        const auto* const tcp = std::get_if<TcpAddress>(&listener->address());
        if (tcp && port == 0) port = tcp->port;
    }
    listeners_ = std::move(listeners);
    port_ = port;
    const std::lock_guard lock(addressesMutex_);
    addresses_ = std::move(addresses);
}

std::vector<std::string> ServerCore::addresses() const
{
    const std::lock_guard lock(addressesMutex_);
    return addresses_;
}

// One part after the other: each gets as many.
std::shared_ptr<ServerCore> ServerCore::nextPart() const
{
    return parts_[nextPart_ % parts_.size()].lock();
}

std::unique_ptr<Transport> ServerCore::transportOf(StreamSocket socket) const
{
    auto transport = std::make_unique<StreamTransport>(std::move(socket));
    if (!totals_->tls) return transport;
    return totals_->tls->secure(executor_, std::move(transport));
}

void ServerCore::serve(const std::shared_ptr<ServerCore>& core, std::unique_ptr<Transport> transport)
{
    adopt(core, std::move(transport), {HandshakeSlots::Slot(core->totals_->handshakes), nullptr, nullptr});
}

void ServerCore::adopt(const std::shared_ptr<ServerCore>& core, StreamSocket socket, Arrival arrival)
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
    if (core->admitting_) core->run_->sessions.spawn(serve(core, std::move(transport), std::move(arrival)));
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
    auto socket = listener->tryAccept(part->executor_, error);
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
std::optional<ServerCore::Arrival> ServerCore::admit(const StreamSocket& socket) const
{
    Arrival arrival{HandshakeSlots::Slot(totals_->handshakes), nullptr, nullptr};
    if (!totals_->addresses && totals_->proxies.isEmpty()) return arrival;
    asio::error_code gone;
    const auto endpoint = socket.remote_endpoint(gone);
    if (gone) return arrival;
    const auto address = ipAddressOf(endpoint);
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
void ServerCore::refuse(StreamSocket socket)
{
    StreamSocket own(executor_);
    const auto protocol = socket.local_endpoint().protocol();
    own.assign(protocol, socket.release());
    StreamTransport transport(std::move(own));
    events().tell<Refused>(transport.peerAddress(), tooManyOfAddress);
    if (totals_->tls) return;  // a handshake would cost more than the connection
    turnAway(transport, refusalResponse({429, tooManyOfAddress}), shard_->readBuffer());
}

/// A client, and the places that are its own for as long as it is one.
struct ServerCore::Guest
{
    Guest(ServerCore& core, std::unique_ptr<const Admission> let, std::unique_ptr<Transport> transport)
        : admission(std::move(let)),
          session(core, std::move(transport), ++core.totals_->connections),
          registration(core.registry_, session)
    {
    }

    const std::unique_ptr<const Admission> admission;
    ClientSession session;
    const Registry::Registration registration;
    std::string received;  // behind the upgrade
};

// What one client's strand throws ends this client, and nobody else. What the handshake needs is not held for
// as long as the connection.
Strand<> ServerCore::serve(std::shared_ptr<ServerCore> core, std::unique_ptr<Transport> transport,
                           Arrival arrival)
{
    try
    {
        const auto guest = co_await letIn(core, std::move(transport), arrival);
        if (guest) co_await guest->session.run(std::move(guest->received));
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

// Nobody where there is no client: it went, or was turned away. `arrival` is the caller's, and stays.
Strand<std::unique_ptr<ServerCore::Guest>>
ServerCore::letIn(std::shared_ptr<ServerCore> core, std::unique_ptr<Transport> transport, Arrival& arrival)
{
    auto upgraded = co_await shakeHands(core, *transport, arrival);
    if (!upgraded) co_return nullptr;
    auto admission = std::make_unique<const Admission>(core->totals_, core->options_.maxConnections);
    if (!*admission)
    {
        const bool isProxied = arrival.proxied && !arrival.proxied->client.empty();
        core->events().tell<Refused>(isProxied ? arrival.proxied->client : transport->peerAddress(),
                                     tooManyConnections);
        co_await rejectOverLimit(core, std::move(transport), std::move(*upgraded));
        co_return nullptr;
    }
    auto guest = std::make_unique<Guest>(*core, std::move(admission), std::move(transport));
    auto& session = guest->session;
    if (core->authenticates_)
        session.holdUntilAuthenticated(arrival.slot);
    else
        arrival.slot.release();
    session.compress(upgraded->deflate);
    session.setUpgrade(infoOf(*upgraded));
    if (arrival.proxied && !arrival.proxied->client.empty())
        session.setClientAddress(std::exchange(arrival.proxied, nullptr)->client);
    guest->received = std::move(upgraded->received);
    co_return guest;
}

// Nothing where its time was over, it went, or the server ends.
Strand<std::optional<AcceptedUpgrade>> ServerCore::shakeHands(std::shared_ptr<ServerCore> core,
                                                              Transport& transport, Arrival& arrival)
{
    try
    {
        const auto deadline = core->shard_->clock().now() + core->options_.handshakeTimeout;
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
                                     AcceptedUpgrade upgraded)
{
    // The upgrade is complete all the same, so that a browser can read why.
    struct Deaf final : ConnectionHandler
    {
        void onText(std::string_view) override {}
    } deaf;

    PeerConnection connection(*core->shard_, std::move(transport), core->connectionOptions_, deaf);
    if (upgraded.deflate) connection.compress(*upgraded.deflate, *core->options_.deflate);
    connection.close({CloseCode::policyViolation, tooManyConnections});
    co_await connection.run(std::move(upgraded.received));
}

void ServerCore::askAllToGo()
{
    stopListening();
    handshakes_->expireAll();
    registry_.forEach([](ClientSession& session)
                      { session.close({CloseCode::goingAway, "Server shutting down"}); });
}

Strand<> ServerCore::stopTaking(std::shared_ptr<ServerCore> core, std::uint64_t run)
{
    core->throwIfGone();
    if (!core->runOf(run)) co_return;
    core->stopListening();
    core->registry_.forEach([](ClientSession& session) { session.pause(); });
    co_await settle(core);
}

Strand<> ServerCore::settle(std::shared_ptr<ServerCore> core)
{
    static_cast<void>(core);
    co_await yieldTurn();
}

Strand<> ServerCore::beginShutdown(std::shared_ptr<ServerCore> core, std::uint64_t run)
{
    core->throwIfGone();
    if (core->runOf(run)) core->askAllToGo();
    co_return;
}

void ServerCore::insist(std::shared_ptr<ServerCore> core, std::uint64_t number)
{
    const auto executor = core->executor_;
    asio::dispatch(executor,
                   [core = std::move(core), number]
                   {
                       if (const auto run = core->runOf(number)) run->sessions.cancel();
                   });
}

Strand<> ServerCore::shutdown(std::shared_ptr<ServerCore> core, std::uint64_t number)
{
    core->throwIfGone();
    // Kept: beside another shutdown, the next run may have begun before this one looks again.
    const auto run = core->runOf(number);
    if (!run) co_return;
    core->askAllToGo();
    // Each connection insists by itself at its close timeout; the sweep must run until then.
    bool insisted = false;
    try
    {
        co_await run->sessions.wait();
    }
    catch (const asio::system_error&)
    {
        insisted = true;
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (insisted)
    {
        run->sessions.cancel();
        co_await run->sessions.wait();
    }
    run->housekeeping.cancel();
    co_await run->housekeeping.wait();
    if (core->run_ == run) core->run_.reset();
    if (insisted) throw Error(Errc::cancelled);
    core->throwIfGone();
}

void ServerCore::stopListening() noexcept
{
    admitting_ = false;
    for (const auto& listener : listeners_) listener->close();
    listeners_.clear();
    port_ = 0;
    const std::lock_guard lock(addressesMutex_);
    addresses_.clear();
}

Strand<bool> ServerCore::sendMessage(std::shared_ptr<ServerCore> core, std::string id, Message message)
{
    core->throwIfGone();
    ClientSession* const session = core->registry_.find(id);
    if (!session || !session->isAuthenticated()) co_return false;
    std::string text;
    appendMessage(text, core->completed(std::move(message)), session->version());
    co_return session->push(text);
}

Strand<std::size_t> ServerCore::broadcast(std::shared_ptr<ServerCore> core, Message message)
{
    core->throwIfGone();
    const auto complete = core->completed(std::move(message));
    std::array<std::string, 2> texts;  // of each version
    for (const auto version : {ProtocolVersion::v1_0, ProtocolVersion::v1_1})
        appendMessage(texts[static_cast<std::size_t>(version)], complete, version);
    std::size_t count = 0;
    core->registry_.forEach(
        [&](ClientSession& session)
        {
            if (session.isAuthenticated() && session.push(texts[static_cast<std::size_t>(session.version())]))
                ++count;
        });
    co_return count;
}

Strand<bool> ServerCore::disconnectClient(std::shared_ptr<ServerCore> core, std::string id,
                                          CloseReason reason)
{
    core->throwIfGone();
    if (!mayBeSent(reason.code))
        throw Error(
            Errc::invalidArgument,
            fmt::format(
                "close code {} may not be sent; 1000 to 1003, 1007 to 1014 or 3000 to 4999 is expected",
                static_cast<int>(reason.code)));
    ClientSession* const session = core->registry_.find(id);
    if (!session) co_return false;
    session->close(std::move(reason));
    co_return true;
}

Strand<std::vector<NumberedClient>> ServerCore::connectedClients(std::shared_ptr<ServerCore> core)
{
    core->throwIfGone();
    std::vector<NumberedClient> clients;
    core->registry_.forEach(
        [&](const ClientSession& session)
        {
            if (session.isAuthenticated()) clients.push_back({session.number(), session.id()});
        });
    co_return clients;
}

Strand<std::optional<ClientInfo>> ServerCore::clientInfo(std::shared_ptr<ServerCore> core, std::string id)
{
    core->throwIfGone();
    const ClientSession* const session = core->registry_.find(id);
    if (!session) co_return std::nullopt;
    co_return session->info();
}

void ServerCore::abandon(std::shared_ptr<ServerCore> core)
{
    {
        const std::lock_guard lock(core->hookMutex_);
        core->authenticate_.reset();
        core->authorize_.reset();
    }
    core->gone_ = true;
    core->events().endAll();
    const auto executor = core->executor_;
    asio::dispatch(executor,
                   [core = std::move(core)]
                   {
                       core->stopListening();
                       if (auto* const handler = std::exchange(core->handler_, nullptr))
                           handler->serverGone();
                       core->shard_->tasks().cancel();
                       if (!core->run_) return;
                       core->run_->sessions.cancel();
                       core->run_->housekeeping.cancel();
                   });
}

std::shared_ptr<const Authenticate> ServerCore::authenticateHook() const
{
    const std::lock_guard lock(hookMutex_);
    return authenticate_;
}

std::shared_ptr<const Authorize> ServerCore::authorizeHook() const
{
    const std::lock_guard lock(hookMutex_);
    return authorize_;
}

void ServerCore::attach(RequestHandler& handler, OutboxLimits limits)
{
    handler_ = &handler;
    connectionOptions_.outbox = limits;
    registry_.forEach(
        [&](ClientSession& session)
        {
            if (session.isAuthenticated()) handler.opened(session);
        });
}

void ServerCore::detach(const RequestHandler& handler) noexcept
{
    if (handler_ != &handler) return;
    handler_ = nullptr;
    handlerClaimed_ = false;
    registry_.forEach([](ClientSession& session) { session.data.reset(); });
}

Message ServerCore::completed(Message message) const
{
    std::visit(
        [this](auto& one)
        {
            if (one.id.empty()) one.id = newId();
            if (one.timestamp == Timestamp()) one.timestamp = now();
        },
        message);
    return message;
}

std::string ServerCore::newId() const
{
    return formatMessageId(now(), options_.random->next());
}

std::string ServerCore::newClientId() const
{
    // 64 random bits in base 36; short enough for a string to hold without an allocation.
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string id = "c";
    for (auto random = options_.random->next(); id.size() < 14; random /= digits.size())
        id += digits[random % digits.size()];
    return id;
}

std::string ServerCore::negotiation() const
{
    return MessageSerializer().serialize(
        VersionNegotiationMessage{newId(), now(), {"1.1.0", "1.0.0"}, std::nullopt});
}

Timestamp ServerCore::now() const
{
    return std::chrono::floor<std::chrono::milliseconds>(options_.clock->systemNow());
}

}  // namespace strandcast
