#include "server/server_core.hpp"

#include "coro/sleep.hpp"
#include "message/message_id.hpp"
#include "server/listen_places.hpp"

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

ConnectionOptions connectionOptionsOf(const WSServerOptions& options, bool authenticates)
{
    ConnectionOptions connection;
    connection.role = Role::server;
    connection.protocol.maxMessageSize =
        authenticates ? options.maxUnauthenticatedMessageSize : options.maxMessageSize;
    connection.protocol.maxFramesPerMessage = options.maxFramesPerMessage;
    connection.protocol.acceptBinary = false;
    connection.outbox = {options.queueSize, options.queueBytes};
    connection.maxAnswerBytes = options.replyBytes;
    connection.heartbeatInterval = options.heartbeatInterval;
    connection.closeTimeout = options.closeTimeout;
    connection.shortestDeadline = options.authTimeout;
    return connection;
}

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

void ServerCore::askAllToGo()
{
    stopListening();
    handshakes_->expireAll();
    registry_.forEach([](ClientSession& session)
                      { session.close({CloseCode::goingAway, "Server shutting down"}); });
}

// Of a run that is over there is nobody: the next begins behind its last guest.
void ServerCore::insistOnAll(Run& run)
{
    run.handshakes.cancel();
    if (run_.get() == &run) registry_.forEach([](ClientSession& session) { session.abandon(); });
}

Strand<> ServerCore::Run::waitForAll()
{
    while (handshakes.size() > 0 || !guests.isNone())
    {
        co_await handshakes.wait();
        co_await guests.waitForNone();
    }
}

Strand<> ServerCore::stopTaking(std::shared_ptr<ServerCore> core, std::uint64_t run)
{
    core->throwIfGone();
    if (!core->runOf(run)) co_return;
    core->stopListening();
    core->handshakes_->expireAll();
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
                       if (const auto run = core->runOf(number)) core->insistOnAll(*run);
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
        co_await run->waitForAll();
    }
    catch (const asio::system_error&)
    {
        insisted = true;
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (insisted)
    {
        core->insistOnAll(*run);
        co_await run->waitForAll();
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
                       core->insistOnAll(*core->run_);
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

ClientId ServerCore::newClientId() const
{
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    ClientId id{'c'};
    auto random = options_.random->next();
    for (auto& character : std::span(id).subspan(1))
    {
        character = digits[random % digits.size()];
        random /= digits.size();
    }
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
