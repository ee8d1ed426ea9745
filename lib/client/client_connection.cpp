#include "client/client_core.hpp"
#include "client/close_text.hpp"
#include "coro/deadline.hpp"
#include "coro/parallel.hpp"
#include "coro/sleep.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

// One connection, from the attempt to make it to its end.

namespace strandcast
{

Strand<> ClientCore::attempt(std::shared_ptr<ClientCore> core)
{
    core->attempt_ = {.deadline = deadlineAfter(core->clock(), core->options_.connectTimeout)};
    core->state_ = State::connecting;
    core->version_ = ProtocolVersion::v1_0;
    core->clientId_.clear();
    const auto opened = std::make_shared<std::optional<OpenedWebSocket>>();
    try
    {
        co_await race(open(core, opened), failAtDeadline(core));
    }
    catch (const std::exception&)
    {
        core->attempt_.failure = std::current_exception();
    }
    // It may have been called off in the turn in which it was open.
    if (*opened && !core->life_->isCalledOff && !core->gone_) co_await serve(core, *std::move(*opened));
    core->state_ = State::idle;
}

Strand<> ClientCore::open(std::shared_ptr<ClientCore> core,
                          std::shared_ptr<std::optional<OpenedWebSocket>> opened)
{
    auto open = co_await openWebSocket(core->url_, core->shard_->random(), core->openOptions_);
    opened->emplace(std::move(open));
}

Strand<> ClientCore::failAtDeadline(std::shared_ptr<ClientCore> core)
{
    co_await sleepUntil(core->clock(), core->attempt_.deadline);
    std::rethrow_exception(core->noConnectionInTime());
}

std::exception_ptr ClientCore::noConnectionInTime() const
{
    return std::make_exception_ptr(
        Error(Errc::timedOut, fmt::format("cannot connect to {}: no connection within {} ms", url_.shown,
                                          options_.connectTimeout.count())));
}

Strand<> ClientCore::serve(std::shared_ptr<ClientCore> core, OpenedWebSocket opened)
{
    PeerConnection connection(*core->shard_, std::move(opened.transport), core->connectionOptions_, *core);
    if (opened.deflate) connection.compress(*opened.deflate, *core->options_.deflate);
    core->subprotocol_ = std::move(opened.subprotocol);
    core->connection_ = &connection;
    core->attendants_.spawn(endAtDeadline(core));
    const auto reason = co_await connection.run(std::move(opened.received));
    core->attempt_.isClosedByServer = connection.wasClosedByPeer();
    core->connection_ = nullptr;
    core->ended(reason);
    core->attendants_.cancel();
    co_await core->attendants_.wait();
}

// A server that stays silent before its yes is not asked for its Close.
Strand<> ClientCore::endAtDeadline(std::shared_ptr<ClientCore> core)
{
    co_await sleepUntil(core->clock(), core->attempt_.deadline);
    if (core->state_ != State::connecting || !core->connection_) co_return;
    if (!core->attempt_.failure) core->attempt_.failure = core->noConnectionInTime();
    core->connection_->abandon();
}

void ClientCore::handle(VersionNegotiationMessage message)
{
    if (std::exchange(attempt_.isNegotiated, true)) return;
    const auto& offered = message.supportedVersions;
    if (std::find(offered.begin(), offered.end(), protocolVersion) == offered.end())
    {
        attempt_.failure = std::make_exception_ptr(Error(
            Errc::protocolViolation, fmt::format("the server speaks versions {} of the protocol, and not {}",
                                                 fmt::join(offered, ", "), protocolVersion)));
        return connection_->close({CloseCode::normal, "No common version"});
    }
    const bool hasNewer =
        std::find(offered.begin(), offered.end(), toString(ProtocolVersion::v1_1)) != offered.end();
    if (hasNewer)
        selectVersion1_1();
    else
        negotiated();
}

// The server answers it before anything else is sent.
void ClientCore::selectVersion1_1()
{
    Message selection = VersionNegotiationMessage{
        .supportedVersions = {std::string(toString(ProtocolVersion::v1_1)), std::string(protocolVersion)},
        .selectedVersion = std::string(toString(ProtocolVersion::v1_1)),
        .session = session_};
    complete(selection);
    negotiationId_ = messageId(selection);
    sendNow(selection);
    version_ = ProtocolVersion::v1_1;
}

void ClientCore::negotiated()
{
    negotiationId_.clear();
    attempt_.isAnnounced = true;
    sinks_.push(Connected{options_.url, subprotocol_});
    if (options_.token)
        authenticate();
    else
        becomeAuthenticated();
}

void ClientCore::authenticate()
{
    Message auth = AuthMessage{.token = *options_.token, .metadata = options_.metadata};
    complete(auth);
    authId_ = messageId(auth);
    sendNow(auth);
}

void ClientCore::failAuthentication(std::exception_ptr failure, bool isTokenRefused)
{
    authId_.clear();
    attempt_.failure = std::move(failure);
    attempt_.isTokenRefused = isTokenRefused;
    connection_->close({CloseCode::normal, {}});
}

void ClientCore::becomeAuthenticated()
{
    if (state_ != State::connecting || connection_->isClosing()) return;  // it came too late
    authId_.clear();
    state_ = State::resubscribing;
    sinks_.push(Authenticated{clientId_});
    attendants_.spawn(attend(shared_from_this()));
}

Strand<> ClientCore::attend(std::shared_ptr<ClientCore> core)
{
    co_await restoreSubscriptions(core);
    if (!core->connection_ || core->connection_->isClosing()) co_return;
    core->becomeReady();
    if (core->options_.pingInterval.count() > 0) co_await pingRegularly(core);
}

void ClientCore::becomeReady()
{
    state_ = State::ready;
    attempt_.readySince = clock().now();
    connected_ = true;
    life_->isEstablished = true;
    life_->endsStreams = true;
    line_.wakeFirst();
    changed_.notify();
}

Strand<> ClientCore::pingRegularly(std::shared_ptr<ClientCore> core)
{
    for (;;)
    {
        co_await sleepFor(core->clock(), core->connectionOptions_.heartbeatInterval);
        Message ping = PingMessage();
        core->complete(ping);
        core->sendNow(ping);
    }
}

void ClientCore::ended(const CloseReason& reason)
{
    lastReason_ = reason;
    attempt_.reason = reason;
    state_ = State::idle;
    connected_ = false;
    negotiationId_.clear();
    authId_.clear();
    unwanted_.clear();
    numbers_.beginAnew();
    if (std::exchange(attempt_.isAnnounced, false)) sinks_.push(Disconnected{reason});
    if (life_->isEstablished && !life_->isCalledOff && !gone_) sinks_.pushLost();
    life_->isEnding = !life_->isEstablished || !mayTryAgain();
    if (reason.code == CloseCode::messageTooBig && attempt_.isClosedByServer)
        pending_.rejectLargest(std::make_exception_ptr(Error(
            Errc::messageTooLarge, "the server does not take a message as large: " + describe(reason))));
    pending_.loseAll();
    if (!attempt_.failure)
        attempt_.failure = std::make_exception_ptr(Error(
            Errc::connectFailed, fmt::format("cannot connect to {}: the server ended the connection: {}",
                                             url_.shown, describe(reason))));
}

}  // namespace strandcast
