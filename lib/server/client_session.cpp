#include "server/client_session.hpp"

#include "coro/hop.hpp"
#include "message/envelope.hpp"
#include "message/message_id.hpp"
#include "server/publisher.hpp"
#include "server/server_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

namespace strandcast
{

using namespace std::chrono_literals;

ClientSession::ClientSession(ServerCore& server, std::unique_ptr<Transport> transport, std::uint64_t number)
    : server_(server),
      id_(server.newClientId()),
      connection_(server.shard(), std::move(transport), server.connectionOptions(), *this),
      number_(number),
      publisher_(server.newPublisher()),
      connectedAt_(server.now())
{
}

ClientSession::~ClientSession() = default;

void ClientSession::compress(const std::optional<DeflateParameters>& agreed)
{
    if (agreed) connection_.compress(*agreed, *server_.options().deflate);
}

void ClientSession::begin(std::string_view upgradeResponse, std::string received)
{
    connection_.sendRaw(upgradeResponse);
    greet();
    connection_.begin(std::move(received));
}

Strand<> ClientSession::hooksEnded()
{
    hook_->cancel();
    return hook_->wait();
}

void ClientSession::end(bool hasFailed) noexcept
{
    auto reason = connection_.end();
    if (hasFailed) reason = {CloseCode::internalError, "Internal error"};
    try
    {
        if (isAuthenticated())
            if (auto* const handler = server_.handler()) handler->closed(*this);
        data.reset();
        server_.events().tell<Disconnect>(id(), std::move(reason), events_ - dropped_, dropped_);
    }
    catch (const std::exception& failure)
    {
        server_.failed(failure, id());
    }
}

void ClientSession::greet()
{
    if (server_.events().wants<Connection>()) server_.events().tell<Connection>(id(), peerAddress());
    connection_.send(server_.negotiation());
    if (server_.authenticates())
        beginAuthTimeout();
    else
        authenticated({.accepted = true});
}

void ClientSession::onText(std::string_view text)
{
    ++received_;
    if (hook_ && !hookRuns()) hook_.reset();  // few authenticate anew
    auto parsed = parseMessage(text, {.maxDepth = server_.options().maxJsonDepth, .newest = version_});
    const auto* const refused = std::get_if<Refusal>(&parsed);
    if (!admit())
    {
        const auto id = refused ? std::string_view(refused->id) : messageId(std::get<Message>(parsed));
        const auto wait =
            rateLimit_.untilNext(server_.shard().clock().now(), server_.options().rateLimit->window);
        return refuse(id, ErrorCode::rateLimitExceeded, "Rate limit exceeded", {},
                      {true, std::chrono::ceil<std::chrono::milliseconds>(wait)});
    }
    if (refused) return refuse(refused->id, refused->code, refused->message);
    handle(std::get<Message>(parsed));
}

bool ClientSession::admit()
{
    const auto& limit = server_.options().rateLimit;
    return !limit || rateLimit_.admit(server_.shard().clock().now(), limit->maxMessages, limit->window);
}

// What is read of it is moved from.
void ClientSession::handle(Message& message)
{
    if (auto* const negotiation = std::get_if<VersionNegotiationMessage>(&message))
        return handleNegotiation(*negotiation);
    if (auto* const auth = std::get_if<AuthMessage>(&message)) return handleAuth(std::move(*auth));
    const auto& id = messageId(message);
    if (!sentByClient(messageType(message)))
        return refuse(id, ErrorCode::invalidMessage,
                      fmt::format("A client does not send '{}'", toString(messageType(message))));
    if (!isAuthenticated()) return refuse(id, ErrorCode::authenticationFailed, "Not authenticated");
    if (const auto* const ping = std::get_if<PingMessage>(&message)) return handlePing(*ping);

    auto* const handler = server_.handler();
    if (!handler) return refuse(id, ErrorCode::internalError, "No router");
    if (auto* const subscribe = std::get_if<SubscribeMessage>(&message))
        handler->subscribe(*this, std::move(*subscribe));
    else if (auto* const unsubscribe = std::get_if<UnsubscribeMessage>(&message))
        handler->unsubscribe(*this, std::move(*unsubscribe));
    else if (auto* const publish = std::get_if<PublishMessage>(&message))
        handler->publish(*this, std::move(*publish));
}

void ClientSession::handleNegotiation(const VersionNegotiationMessage& message)
{
    const auto& selected = message.selectedVersion;
    if (!selected || *selected == toString(ProtocolVersion::v1_0)) return;
    if (*selected != toString(ProtocolVersion::v1_1))
        return refuse(message.id, ErrorCode::unsupportedVersion,
                      fmt::format("Version {} was not offered; 1.1.0 and 1.0.0 are", *selected));
    if (received_ > 1)
        return refuse(message.id, ErrorCode::invalidMessage,
                      "Version 1.1.0 is selected before anything else");
    beginVersion1_1(message);
}

void ClientSession::beginVersion1_1(const VersionNegotiationMessage& message)
{
    version_ = ProtocolVersion::v1_1;
    session_ = std::make_unique<const std::string>(*message.session);
    publisher_ = publisherOf(whatHookSaid().identity.value_or(""), *session_);
    AckMessage ack{server_.newId(), server_.now(), message.id};
    ack.clientId = id();
    // The log knows no publish again after a reconnect.
    ack.dedupWindow = std::chrono::milliseconds(0);
    ack.maxMessageSize = server_.options().maxMessageSize;
    auto& text = server_.scratch();
    text.clear();
    appendMessage(text, ack, version_);
    connection_.send(text);
}

void ClientSession::handleAuth(AuthMessage message)
{
    const auto hook = server_.authenticateHook();
    if (!hook)
    {
        // The server that lets everybody in acks; one whose hook is gone with its handle is about to end.
        if (server_.authenticates()) return;
        acknowledge(message.id);
        return authenticated({.accepted = true, .metadata = std::move(message.metadata)});
    }
    // The first one's deadline counts from the upgrade.
    if (isAuthenticated()) beginAuthTimeout();
    // What comes next waits for the answer (protocol.md, "Answers find their question").
    connection_.pauseReading();
    if (!hook_) hook_ = std::make_unique<TaskGroup>(server_.executor());
    hook_->spawn(authenticate(*this, hook, std::move(message)));
}

// The session waits for this strand before it ends. No destructor of this frame touches the session.
Strand<> ClientSession::authenticate(ClientSession& session, std::shared_ptr<const Authenticate> hook,
                                     AuthMessage message)
{
    Authentication login;
    auto metadata = message.metadata;
    try
    {
        const auto info = session.info();
        login = co_await callHook(session.server_.executor(),
                                  (*hook)(info, std::move(message.token), std::move(message.metadata)));
        if (!login.identity && !login.agents && !login.metadata && !login.expiresAt)
            login.metadata = std::move(metadata);
    }
    catch (const std::exception& failure)
    {
        // A hook that throws refuses, and its text stays here. Cancelled, there is nobody left to be told.
        if (!session.connection_.isClosing()) session.server_.failed(failure, session.id());
    }
    catch (...)
    {
        session.server_.events().tell<ServerError>(session.id(), "authenticate: not a std::exception");
    }
    try
    {
        session.answerAuth(message.id, std::move(login));
    }
    catch (const std::exception& failure)
    {
        session.server_.failed(failure, session.id());
        session.connection_.closeWithoutEvents({CloseCode::internalError, "Internal error"});
    }
    session.connection_.resumeReading();
}

void ClientSession::answerAuth(std::string_view messageId, Authentication login)
{
    const bool expired = login.expiresAt && *login.expiresAt <= server_.now();
    if (!login.accepted || expired) return refuseCredentials(messageId);
    acknowledge(messageId);
    authenticated(std::move(login));
}

void ClientSession::authenticated(Authentication login)
{
    if (connection_.isClosing()) return;
    releaseSlot();
    const bool saysMore = login.identity || login.agents || login.metadata || login.expiresAt;
    login_ = saysMore ? std::make_shared<const Authentication>(std::move(login)) : nullptr;
    if (version_ == ProtocolVersion::v1_1)
        publisher_ = publisherOf(whatHookSaid().identity.value_or(""), *session_);
    authDeadline_ = Clock::time_point::max();
    armDeadline();
    connection_.setMaxMessageSize(server_.options().maxMessageSize);
    server_.events().tell<Authenticated>(id());
    auto* const handler = server_.handler();
    if (handler && authenticated_) return handler->reauthenticated(*this);
    if (handler) handler->opened(*this);
    authenticated_ = true;
}

void ClientSession::releaseSlot() noexcept
{
    if (!arrival_) return;
    arrival_->slot.release();
    if (!arrival_->place) arrival_ = nullptr;
}

const Authentication& ClientSession::whatHookSaid() const noexcept
{
    static const Authentication yes{.accepted = true};
    return login_ ? *login_ : yes;
}

void ClientSession::beginAuthTimeout()
{
    authDeadline_ = server_.shard().clock().now() + server_.options().authTimeout;
    armDeadline();
}

void ClientSession::armDeadline()
{
    auto deadline = authDeadline_;
    if (const auto& expiresAt = whatHookSaid().expiresAt)
    {
        // A moment of the calendar, as the steady clock will meet it; one that is far off is looked at again.
        const std::chrono::milliseconds left = *expiresAt - server_.now();
        deadline = std::min(deadline, server_.shard().clock().now() +
                                          std::clamp<std::chrono::milliseconds>(left, 0ms, 24h));
    }
    connection_.setDeadline(deadline);
}

void ClientSession::refuseCredentials(std::string_view messageId)
{
    refuse(messageId, ErrorCode::authenticationFailed, "Invalid credentials");
    connection_.close({CloseCode::policyViolation, "Authentication failed"});
}

void ClientSession::handlePing(const PingMessage& message)
{
    const auto now = server_.now();
    const auto latency = std::max(now - message.timestamp, std::chrono::milliseconds(0));
    auto& text = server_.scratch();
    text.clear();
    appendPong(text, message.id, now, latency, version_);
    connection_.send(text);
}

void ClientSession::acknowledge(std::string_view messageId, std::optional<std::uint64_t> sequenceNumber)
{
    acknowledge(messageId, sequenceNumber, server_.now());
}

void ClientSession::acknowledge(std::string_view messageId, std::optional<std::uint64_t> sequenceNumber,
                                Timestamp now)
{
    auto& text = server_.scratch();
    text.clear();
    const MessageIdText id(now, server_.options().random->next());
    appendAck(text, id.view(), now, messageId, true, version_, sequenceNumber);
    connection_.send(text);
}

void ClientSession::refuse(std::string_view messageId, ErrorCode code, std::string_view text,
                           std::string_view details, RetryHint retry)
{
    auto& out = server_.scratch();
    out.clear();
    // The request's id stands as the error's own as well: that is where the seed's client looks.
    const auto id = messageId.empty() ? server_.newId() : std::string(messageId);
    appendError(out, id, server_.now(), toString(code), text, details, messageId, version_, retry);
    connection_.send(out);
}

bool ClientSession::push(std::string_view text)
{
    if (connection_.isClosing()) return false;
    const auto waiting = connection_.outbox().answersLeft();
    if (waiting > 0 &&
        waiting + text.size() > std::max(server_.options().replyBytes, server_.options().queueBytes))
    {
        connection_.closeWithoutEvents({CloseCode::policyViolation, "Slow consumer"});
        return false;
    }
    connection_.send(text);
    return true;
}

void ClientSession::onDeadline()
{
    const auto& expiresAt = whatHookSaid().expiresAt;
    if (expiresAt && *expiresAt <= server_.now()) return expire();
    if (server_.shard().clock().now() < authDeadline_) return armDeadline();
    connection_.close({CloseCode::policyViolation, "Authentication timeout"});
    if (hookRuns()) hook_->cancel();  // closed already, so its answer is not sent
}

void ClientSession::expire()
{
    refuse({}, ErrorCode::authenticationFailed, "Authentication expired");
    connection_.close({CloseCode::policyViolation, "Authentication expired"});
    if (hookRuns()) hook_->cancel();
}

bool ClientSession::hasRoomFor(std::size_t bytes) const noexcept
{
    const auto& outbox = connection_.outbox();
    const auto& limits = server_.connectionOptions().outbox;
    if (outbox.eventsLeft() == 0) return true;
    return outbox.eventsLeft() < limits.maxFrames / 2 && outbox.eventBytes() + bytes <= limits.maxBytes / 2;
}

void ClientSession::noteDropped(std::string_view topic, DropReason reason) noexcept
{
    ++events_;
    onEventDropped(topic, reason);
}

void ClientSession::onSent()
{
    if (!data || !tellsSent_) return;
    if (auto* const handler = server_.handler()) handler->sent(*this);
}

void ClientSession::onEventDropped(std::string_view topic, DropReason reason) noexcept
{
    if (topic.empty()) return;  // the end of a replay, which was not counted
    ++dropped_;
    if (!isAuthenticated()) return;
    if (auto* const handler = server_.handler()) handler->eventDropped(*this, topic, reason);
}

std::string ClientSession::peerAddress() const
{
    return clientAddress_ ? *clientAddress_ : connection_.peerAddress();
}

ClientInfo ClientSession::info() const
{
    ClientInfo info;
    info.id = id();
    info.peerAddress = peerAddress();
    info.upgrade = upgrade_.info();
    info.authenticated = isAuthenticated();
    const auto& login = whatHookSaid();
    info.identity = login.identity;
    info.agents = login.agents;
    info.metadata = login.metadata;
    info.expiresAt = login.expiresAt;
    info.connectedAt = connectedAt_;
    if (const auto* const handler = server_.handler()) info.subscriptions = handler->subscriptions(*this);
    info.queuedEvents = connection_.outbox().eventsLeft() - connection_.outbox().keptEvents();
    info.queuedBytes = connection_.outbox().eventBytes();
    info.messagesReceived = received_;
    info.eventsDelivered = events_ - dropped_ - info.queuedEvents;
    info.eventsDropped = dropped_;
    return info;
}

}  // namespace strandcast
