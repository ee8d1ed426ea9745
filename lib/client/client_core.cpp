#include "client/client_core.hpp"

#include "coro/sleep.hpp"
#include "message/envelope.hpp"
#include "message/message_id.hpp"

#include <strandcast/error.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/dispatch.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

// A server that has us answer pings and reads nothing is not read any further, and ends as a silent one.
constexpr std::size_t maxUnsentAnswers = 64 * 1024 * 1024;

// Longer than any process runs, and short enough to calculate with.
constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365);

ConnectionOptions connectionOptionsOf(const WSClientOptions& options)
{
    ConnectionOptions connection;
    connection.role = Role::client;
    connection.protocol.maxMessageSize = options.maxMessageSize;
    connection.protocol.acceptBinary = false;
    // Far above what requests may leave unsent: a server that takes little is read all the same, or both
    // would wait for the other.
    connection.maxAnswerBytes = maxUnsentAnswers;
    connection.heartbeatInterval = std::min(options.pingInterval, longest);
    connection.closeTimeout = std::min(options.closeTimeout, longest);
    return connection;
}

std::string describe(const CloseReason& reason)
{
    if (reason.text.empty()) return fmt::format("close code {}", static_cast<int>(reason.code));
    return fmt::format("close code {}, {}", static_cast<int>(reason.code), reason.text);
}

// What of a strand's cancellation must not disturb: from here on it only waits for ends that are certain.
[[nodiscard]] auto withoutCancellation()
{
    return asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}

}  // namespace

ClientCore::ClientCore(ShardExecutor executor, WSClientOptions options)
    : executor_(executor),
      options_(std::move(options)),
      url_(Url::parse(options_.url)),
      connectionOptions_(connectionOptionsOf(options_)),
      shard_(std::make_shared<Shard>(executor, *options_.clock, *options_.random)),
      housekeeping_(executor),
      sessions_(executor),
      changed_(executor),
      sinks_(executor, options_.queueSize, options_.queueBytes)
{
}

Clock::time_point ClientCore::deadlineAfter(std::chrono::milliseconds timeout) const
{
    if (timeout.count() == 0 || timeout >= longest) return Clock::time_point::max();
    return shard_->clock().now() + std::max(timeout, std::chrono::milliseconds(0));
}

Strand<> ClientCore::connect(std::shared_ptr<ClientCore> core)
{
    core->requireIdle();
    while (core->leaving_ > 0)
    {
        co_await core->changed_.wait();
        core->requireIdle();
    }
    core->connecting_ = true;
    core->state_ = State::connecting;
    core->connectFailure_ = nullptr;
    std::exception_ptr failure;
    try
    {
        co_await core->sessions_.wait();  // an earlier connection may be on its last turn
        core->housekeeping_.spawn(Shard::sweep(core->shard_));
        core->sessions_.spawn(open(core));
        co_await awaitConnected(core);
        if (core->wasLost_) co_await subscribeAgain(core);
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (failure)
    {
        core->failToConnect(failure);
        co_await withoutCancellation();
        co_await endEverything(core);
    }
    else if (core->options_.pingInterval.count() > 0)
    {
        core->housekeeping_.spawn(pingRegularly(core));
    }
    core->connecting_ = false;
    core->changed_.notify();
    if (failure) std::rethrow_exception(failure);
}

void ClientCore::requireIdle() const
{
    if (abandoned_) throw endedError();
    if (connecting_ || (leaving_ == 0 && (state_ != State::idle || connection_)))
        throw Error(Errc::alreadyRunning, "the client is connected, or connecting, already");
}

Strand<> ClientCore::awaitConnected(std::shared_ptr<ClientCore> core)
{
    auto& clock = core->shard_->clock();
    const auto deadline = core->deadlineAfter(core->options_.connectTimeout);
    while (core->state_ == State::connecting)
    {
        if (clock.now() >= deadline)
            throw Error(Errc::timedOut,
                        fmt::format("cannot connect to {}: no connection within {} ms", core->options_.url,
                                    core->options_.connectTimeout.count()));
        co_await core->changed_.waitUntil(clock, deadline);
    }
    if (core->connectFailure_) std::rethrow_exception(core->connectFailure_);
    core->requireConnected();
}

Strand<> ClientCore::open(std::shared_ptr<ClientCore> core)
{
    std::exception_ptr failure;
    try
    {
        auto opened = co_await openWebSocket(core->url_, core->shard_->random());
        core->sessions_.spawn(serve(core, std::move(opened)));
    }
    catch (const std::system_error& error)
    {
        failure = error.code() == asio::error::operation_aborted
                      ? std::make_exception_ptr(Error(Errc::cancelled, "connecting was cancelled"))
                      : std::current_exception();
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (failure) core->failToConnect(failure);
}

Strand<> ClientCore::serve(std::shared_ptr<ClientCore> core, OpenedWebSocket opened)
{
    PeerConnection connection(*core->shard_, std::move(opened.transport), core->connectionOptions_, *core);
    core->connection_ = &connection;
    core->negotiated_ = false;
    core->authId_.clear();
    const auto reason = co_await connection.run(std::move(opened.received));
    core->connection_ = nullptr;
    core->ended(reason);
}

void ClientCore::ended(const CloseReason& reason)
{
    lastReason_ = reason;
    const bool wasConnected = std::exchange(state_, State::idle) == State::connected;
    connected_ = false;
    if (std::exchange(announced_, false)) sinks_.push(Disconnected{reason});
    pending_.rejectAll(std::make_exception_ptr(endedError()));
    line_.wakeAll();
    if (wasConnected && leaving_ == 0 && !abandoned_)
    {
        wasLost_ = true;
        sinks_.pushLost();
    }
    if (!wasConnected && !connectFailure_)
        connectFailure_ = std::make_exception_ptr(Error(
            Errc::connectFailed, fmt::format("cannot connect to {}: the server ended the connection: {}",
                                             options_.url, describe(reason))));
    housekeeping_.cancel();
    changed_.notify();
}

void ClientCore::failToConnect(std::exception_ptr failure)
{
    if (state_ != State::connecting) return;
    if (!connectFailure_) connectFailure_ = std::move(failure);
    authId_.clear();
    state_ = State::idle;
    changed_.notify();
}

Strand<> ClientCore::disconnect(std::shared_ptr<ClientCore> core)
{
    ++core->leaving_;
    core->failToConnect(
        std::make_exception_ptr(Error(Errc::cancelled, "connecting was ended by disconnect()")));
    if (core->connection_)
        core->connection_->close({CloseCode::normal, {}});
    else
        core->sessions_.cancel();  // an attempt to connect
    bool insisted = false;
    try
    {
        co_await core->sessions_.wait();
    }
    catch (const asio::system_error&)
    {
        insisted = true;
    }
    co_await withoutCancellation();
    co_await endEverything(core);
    while (core->connecting_) co_await core->changed_.wait();
    core->sinks_.endAll();
    core->subscriptions_.clear();
    core->wasLost_ = false;
    --core->leaving_;
    core->changed_.notify();
    if (insisted) throw Error(Errc::cancelled);
}

Strand<> ClientCore::endEverything(std::shared_ptr<ClientCore> core)
{
    core->sessions_.cancel();
    co_await core->sessions_.wait();
    core->housekeeping_.cancel();
    co_await core->housekeeping_.wait();
    core->state_ = State::idle;
}

void ClientCore::abandon(std::shared_ptr<ClientCore> core)
{
    const auto executor = core->executor_;
    asio::dispatch(executor,
                   [core = std::move(core)]
                   {
                       core->abandoned_ = true;
                       const auto cancelled = std::make_exception_ptr(core->endedError());
                       core->pending_.rejectAll(cancelled);
                       core->line_.wakeAll();
                       core->failToConnect(cancelled);
                       core->sinks_.endAll();
                       core->sessions_.cancel();
                       core->shard_->tasks().cancel();
                       core->housekeeping_.cancel();
                   });
}

Strand<> ClientCore::pingRegularly(std::shared_ptr<ClientCore> core)
{
    for (;;)
    {
        co_await sleepFor(core->shard_->clock(), core->connectionOptions_.heartbeatInterval);
        Message ping = PingMessage();
        core->complete(ping);
        core->sendNow(ping);
    }
}

Error ClientCore::endedError() const
{
    if (abandoned_) return Error(Errc::cancelled, "the client has gone");
    if (lastReason_ == CloseReason()) return Error(Errc::disconnected, "not connected to " + options_.url);
    return Error(Errc::disconnected,
                 fmt::format("not connected to {}: {}", options_.url, describe(lastReason_)));
}

void ClientCore::requireConnected() const
{
    if (abandoned_ || state_ != State::connected || !connection_ || connection_->isClosing())
        throw endedError();
}

void ClientCore::complete(Message& message) const
{
    const auto now = std::chrono::floor<std::chrono::milliseconds>(shard_->clock().systemNow());
    std::visit(
        [&](auto& one)
        {
            if (one.timestamp == Timestamp()) one.timestamp = now;
            if (one.id.empty()) one.id = formatMessageId(now, shard_->random().next());
        },
        message);
}

void ClientCore::report(Errc code, std::string text)
{
    sinks_.push(ClientError{code, std::move(text)});
}

void ClientCore::onText(std::string_view text)
{
    auto parsed = parseMessage(text, {.maxDepth = deepestNesting});
    if (const auto* const refused = std::get_if<Refusal>(&parsed))
        return report(Errc::invalidMessage,
                      "the server sent no message of this protocol: " + refused->message);
    auto& message = std::get<Message>(parsed);
    if (auto* const event = std::get_if<EventMessage>(&message); event && options_.keepText)
        event->wireText = Json::fromValidText(std::string(text));
    std::visit([this](auto& one) { handle(std::move(one)); }, message);
}

void ClientCore::handle(VersionNegotiationMessage message)
{
    if (std::exchange(negotiated_, true)) return;
    const auto& offered = message.supportedVersions;
    if (std::find(offered.begin(), offered.end(), protocolVersion) == offered.end())
    {
        failToConnect(std::make_exception_ptr(Error(
            Errc::protocolViolation, fmt::format("the server speaks versions {} of the protocol, and not {}",
                                                 fmt::join(offered, ", "), protocolVersion))));
        return connection_->close({CloseCode::normal, "No common version"});
    }
    announced_ = true;
    sinks_.push(Connected{options_.url});
    if (options_.token)
        authenticate();
    else
        becomeConnected();
}

void ClientCore::authenticate()
{
    Message auth = AuthMessage{.token = *options_.token, .metadata = options_.metadata};
    complete(auth);
    authId_ = messageId(auth);
    sendNow(auth);
}

void ClientCore::becomeConnected()
{
    if (state_ != State::connecting) return;  // it came too late
    authId_.clear();
    state_ = State::connected;
    connected_ = true;
    sinks_.push(Authenticated());
    changed_.notify();
}

void ClientCore::handle(AckMessage message)
{
    // The seed's server acks an auth with the word "auth".
    if (!authId_.empty() && (message.messageId == authId_ || message.messageId == "auth"))
    {
        if (message.success) return becomeConnected();
        return failToConnect(std::make_exception_ptr(RemoteError(
            std::string(toString(ErrorCode::authenticationFailed)), "The server did not accept the token")));
    }
    const auto id = message.messageId;
    if (message.success)
        pending_.resolve(id, std::move(message));
    else
        pending_.reject(id,
                        std::make_exception_ptr(RemoteError({}, "The server did not accept the request")));
    // An ack that nobody waits for any more answers a request that was cancelled, or had its time.
}

void ClientCore::handle(ErrorMessage message)
{
    RemoteError error(message.code, message.message,
                      message.details ? message.details->text() : std::string());
    const auto failure = std::make_exception_ptr(error);
    if (pending_.reject(message.id, failure)) return;
    if (message.messageId && pending_.reject(*message.messageId, failure)) return;
    const bool answersAuth = message.id == authId_ || message.messageId == authId_ ||
                             errorCodeFrom(message.code) == ErrorCode::authenticationFailed;
    if (!authId_.empty() && answersAuth) return failToConnect(failure);
    report(Errc::refused, error.what());
}

void ClientCore::handle(EventMessage message)
{
    sinks_.push(std::move(message));
}

void ClientCore::handle(PongMessage message)
{
    const auto id = message.id;
    sinks_.push(Pong{message.latency});
    pending_.resolve(id, std::move(message));
}

template <typename Other>
void ClientCore::handle(Other message)
{
    report(Errc::protocolViolation, fmt::format("the server sent '{}', which only clients send",
                                                toString(messageType(Message(std::move(message))))));
}

}  // namespace strandcast
