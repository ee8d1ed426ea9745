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

// Requests wait for room when more than this has not left for the server.
constexpr std::size_t maxUnsentBytes = 1024 * 1024;

// What topics may be is the server's to say; this only keeps nonsense off the wire.
constexpr TopicLimits anyTopic{.maxBytes = 64 * 1024, .maxSegments = 4 * 1024};

ConnectionOptions connectionOptionsOf(const WSClientOptions& options)
{
    ConnectionOptions connection;
    connection.role = Role::client;
    connection.protocol.maxMessageSize = options.maxMessageSize;
    connection.protocol.acceptBinary = false;
    // The server's answers are read however little it takes: or both would wait for the other.
    connection.maxAnswerBytes = static_cast<std::size_t>(-1);
    connection.heartbeatInterval = options.pingInterval;
    connection.closeTimeout = options.closeTimeout;
    return connection;
}

std::vector<TopicPattern> patternsOf(const std::vector<std::string>& topics)
{
    std::vector<TopicPattern> patterns;
    patterns.reserve(topics.size());
    for (const auto& topic : topics) patterns.emplace_back(topic, anyTopic);
    return patterns;
}

std::string describe(const CloseReason& reason)
{
    if (reason.text.empty()) return fmt::format("close code {}", static_cast<int>(reason.code));
    return fmt::format("close code {}, {}", static_cast<int>(reason.code), reason.text);
}

Clock::time_point deadlineAfter(const Clock& clock, std::chrono::milliseconds timeout)
{
    const auto now = clock.now();
    if (timeout.count() == 0 || timeout > Clock::time_point::max() - now) return Clock::time_point::max();
    return now + timeout;
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
      sinks_(executor, options_.queueSize)
{
}

Strand<> ClientCore::connect(std::shared_ptr<ClientCore> core)
{
    if (core->state_ != State::idle || core->connection_)
        throw Error(Errc::alreadyRunning, "the client is connected, or connecting, already");
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
    if (!failure)
    {
        if (core->options_.pingInterval.count() > 0) core->housekeeping_.spawn(pingRegularly(core));
        co_return;
    }
    co_await withoutCancellation();
    co_await endEverything(core);
    std::rethrow_exception(failure);
}

Strand<> ClientCore::awaitConnected(std::shared_ptr<ClientCore> core)
{
    auto& clock = core->shard_->clock();
    const auto deadline = deadlineAfter(clock, core->options_.connectTimeout);
    while (core->state_ == State::connecting)
    {
        if (clock.now() >= deadline)
            throw Error(Errc::timedOut,
                        fmt::format("cannot connect to {}: no connection within {} ms", core->options_.url,
                                    core->options_.connectTimeout.count()));
        co_await core->changed_.waitUntil(clock, deadline);
    }
    if (core->connectFailure_) std::rethrow_exception(core->connectFailure_);
    if (core->state_ != State::connected) throw core->disconnectedError();
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
    Connection connection(*core->shard_, std::move(opened.transport), core->connectionOptions_, *core);
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
    if (negotiated_) sinks_.push(Disconnected{reason});
    pending_.rejectAll(std::make_exception_ptr(disconnectedError()));
    if (wasConnected && !leaving_)
    {
        wasLost_ = true;
        sinks_.pushToAll(Gap{std::nullopt, Gap::Reason::disconnected});
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
    if (!connectFailure_) connectFailure_ = std::move(failure);
    state_ = State::idle;
    changed_.notify();
}

Strand<> ClientCore::disconnect(std::shared_ptr<ClientCore> core)
{
    core->leaving_ = true;
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
    core->sinks_.endAll();
    core->subscriptions_.clear();
    core->wasLost_ = false;
    core->leaving_ = false;
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
                       core->leaving_ = true;
                       const auto cancelled =
                           std::make_exception_ptr(Error(Errc::cancelled, "the client has gone"));
                       core->pending_.rejectAll(cancelled);
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
        co_await sleepFor(core->shard_->clock(), core->options_.pingInterval);
        Message ping = PingMessage();
        core->complete(ping);
        core->sendNow(ping);
    }
}

Strand<EventStream<Delivery>> ClientCore::subscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    const auto& list = topics.list();
    // Hears before the server does, so that nothing is missed behind the ack.
    auto stream = core->sinks_.deliveries(patternsOf(list));
    if (list.empty()) stream.close();
    for (const auto& topic : list) ++core->subscriptions_[topic];
    std::exception_ptr failure;
    try
    {
        static_cast<void>(co_await sendAndWait(core, SubscribeMessage{.topics = list}, std::nullopt));
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    if (!failure) co_return stream;
    core->release(list);
    std::rethrow_exception(failure);
}

// After a subscribe() that did not end well. The server may have taken it all the same.
void ClientCore::release(const std::vector<std::string>& topics)
{
    auto unwanted = takeBack(topics);
    if (unwanted.empty() || state_ != State::connected) return;
    Message message = UnsubscribeMessage{.topics = std::move(unwanted)};
    complete(message);
    sendNow(message);
}

std::vector<std::string> ClientCore::takeBack(const std::vector<std::string>& topics)
{
    std::vector<std::string> unwanted;
    for (const auto& topic : topics)
    {
        const auto found = subscriptions_.find(topic);
        if (found == subscriptions_.end() || --found->second > 0) continue;
        subscriptions_.erase(found);
        unwanted.push_back(topic);
    }
    return unwanted;
}

Strand<> ClientCore::unsubscribe(std::shared_ptr<ClientCore> core, Topics topics)
{
    static_cast<void>(patternsOf(topics.list()));
    if (core->state_ != State::connected) throw core->disconnectedError();
    auto unwanted = core->takeBack(topics.list());
    if (unwanted.empty()) co_return;
    static_cast<void>(
        co_await sendAndWait(core, UnsubscribeMessage{.topics = std::move(unwanted)}, std::nullopt));
}

Strand<> ClientCore::subscribeAgain(std::shared_ptr<ClientCore> core)
{
    SubscribeMessage message;
    for (const auto& [topic, count] : core->subscriptions_) message.topics.push_back(topic);
    if (!message.topics.empty())
        static_cast<void>(co_await sendAndWait(core, std::move(message), std::nullopt));
    core->wasLost_ = false;
    core->sinks_.pushToAll(Resumed());
}

Strand<Receipt> ClientCore::publish(std::shared_ptr<ClientCore> core, PublishMessage message)
{
    static_cast<void>(co_await sendAndWait(std::move(core), std::move(message), std::nullopt));
    co_return Receipt();
}

Strand<> ClientCore::send(std::shared_ptr<ClientCore> core, Message message)
{
    co_await waitForRoom(core);
    core->complete(message);
    core->sendNow(message);
}

Strand<Message> ClientCore::sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                        std::optional<std::chrono::milliseconds> timeout)
{
    auto& clock = core->shard_->clock();
    const auto deadline = deadlineAfter(clock, timeout.value_or(core->options_.messageTimeout));
    core->complete(message);
    auto what = fmt::format("'{}' {}", toString(messageType(message)), messageId(message));
    PendingReplies::Place place(core->pending_, core->executor_, messageId(message));
    co_await waitForRoom(core);
    core->sendNow(message);
    message = Message();  // a large one need not wait with us
    co_return co_await place.answer(clock, deadline, std::move(what));
}

Strand<> ClientCore::waitForRoom(std::shared_ptr<ClientCore> core)
{
    for (;;)
    {
        if (core->state_ != State::connected || !core->connection_ || core->connection_->isClosing())
            throw core->disconnectedError();
        if (core->connection_->outbox().answersLeft() <= maxUnsentBytes) co_return;
        co_await core->changed_.wait();
    }
}

void ClientCore::onSent()
{
    if (connection_ && connection_->outbox().answersLeft() <= maxUnsentBytes) changed_.notify();
}

Error ClientCore::disconnectedError() const
{
    if (lastReason_ == CloseReason()) return Error(Errc::disconnected, "not connected to " + options_.url);
    return Error(Errc::disconnected,
                 fmt::format("not connected to {}: {}", options_.url, describe(lastReason_)));
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

void ClientCore::sendNow(const Message& message)
{
    if (!connection_) return;
    scratch_.clear();
    appendMessage(scratch_, message);
    connection_->send(scratch_);
}

void ClientCore::report(Errc code, std::string text)
{
    sinks_.push(ClientError{code, std::move(text)});
}

void ClientCore::onText(std::string_view text)
{
    auto parsed = parseMessage(text);
    if (const auto* const refused = std::get_if<Refusal>(&parsed))
        return report(Errc::invalidMessage,
                      "the server sent no message of this protocol: " + refused->message);
    std::visit([this](auto& message) { handle(std::move(message)); }, std::get<Message>(parsed));
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
