#include "client/client_core.hpp"

#include "client/close_text.hpp"
#include "client/session_name.hpp"
#include "coro/deadline.hpp"
#include "message/envelope.hpp"
#include "message/message_id.hpp"
#include "message/usual_message.hpp"

#include <strandcast/error.hpp>

#include <asio/post.hpp>
#include <fmt/format.h>

#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

// A server that has us answer pings and reads nothing is not read any further, and ends as a silent one.
constexpr std::size_t maxUnsentAnswers = 64 * 1024 * 1024;

ConnectionOptions connectionOptionsOf(const WSClientOptions& options)
{
    ConnectionOptions connection;
    connection.role = Role::client;
    connection.protocol.maxMessageSize = options.maxMessageSize;
    connection.protocol.acceptBinary = false;
    // Far above what requests may leave unsent: a server that takes little is read all the same, or both
    // would wait for the other.
    connection.maxAnswerBytes = maxUnsentAnswers;
    connection.heartbeatInterval = boundedInterval(options.pingInterval);
    connection.closeTimeout = boundedInterval(options.closeTimeout);
    return connection;
}

OpenOptions openOptionsOf(const WSClientOptions& options, const TlsClientContext* tls)
{
    OpenOptions open{.tls = tls, .deflate = options.deflate, .subprotocols = options.subprotocols};
    if (options.proxy) open.proxy = Proxy::parse(*options.proxy);
    for (const auto& [name, value] : options.headers) open.headers.push_back({name, value});
    open.check();
    return open;
}

}  // namespace

ClientCore::ClientCore(ShardExecutor executor, WSClientOptions options)
    : executor_(executor),
      options_(std::move(options)),
      url_(Url::parse(options_.url)),
      tls_(url_.isSecure ? std::make_unique<TlsClientContext>(options_.tls) : nullptr),
      openOptions_(openOptionsOf(options_, tls_.get())),
      connectionOptions_(connectionOptionsOf(options_)),
      shard_(std::make_shared<Shard>(executor, *options_.clock, *options_.random)),
      lives_(executor),
      attempts_(executor),
      attendants_(executor),
      housekeeping_(executor),
      changed_(executor),
      sinks_(executor, options_.queueSize, options_.queueBytes),
      session_(newSessionName(*options_.random))
{
}

Error ClientCore::endedError() const
{
    if (gone_) return Error(Errc::cancelled, "the client has gone");
    if (lastReason_ == CloseReason()) return Error(Errc::disconnected, "not connected to " + url_.shown);
    return Error(Errc::disconnected,
                 fmt::format("not connected to {}: {}", url_.shown, describe(lastReason_)));
}

void ClientCore::requireOwner() const
{
    if (gone_) throw endedError();
}

// Requests are for one life: what waits across its end is not sent in the next one.
void ClientCore::requireLife(const std::shared_ptr<ClientLife>& life) const
{
    requireOwner();
    if (!life || life != life_ || !life->isEstablished || life->isCalledOff || life->isEnding)
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
    const ParseLimits limits{.maxDepth = deepestNesting, .newest = version_};
    const auto usual = readUsualMessage(text, limits);
    // What comes most often is made a message when somebody reads it.
    if (usual && usual->type == MessageType::event)
    {
        auto event = viewOf(*usual);
        if (options_.keepText) event.wireText = text;
        return heard(event);
    }
    noteAnswer();
    auto parsed = usual ? messageOf(*usual) : parseMessage(text, limits);
    if (const auto* const refused = std::get_if<Refusal>(&parsed))
        return report(Errc::invalidMessage,
                      "the server sent no message of this protocol: " + refused->message);
    auto& message = std::get<Message>(parsed);
    if (auto* const event = std::get_if<EventMessage>(&message); event && options_.keepText)
        event->wireText = Json::fromValidText(std::string(text));
    std::visit([this](auto& one) { handle(std::move(one)); }, message);
}

// Who waits for an answer is resumed in a later turn. So are the readers around it then, that nobody sees one
// before what came before it.
void ClientCore::noteAnswer()
{
    sinks_.wakeReadersLater();
    if (isAnswering_) return;
    asio::post(shard_->executor(), [core = shared_from_this()] { core->isAnswering_ = false; });
    isAnswering_ = true;
}

void ClientCore::onReceived()
{
    if (isAnswering_)
        sinks_.wakeReadersLater();
    else
        sinks_.wakeReaders();
}

void ClientCore::heard(const EventView& event)
{
    if (const auto gap = numbers_.gapBefore(event)) sinks_.push(*gap, std::string(event.topic));
    sinks_.push(event);
}

void ClientCore::handle(EventMessage message)
{
    heard(viewOf(message));
}

void ClientCore::handle(AckMessage message)
{
    if (!negotiationId_.empty() && message.messageId == negotiationId_ && message.success)
    {
        clientId_ = message.clientId.value_or("");
        return negotiated();
    }
    // The seed's server acks an auth with the word "auth".
    if (!authId_.empty() && (message.messageId == authId_ || message.messageId == "auth"))
    {
        if (message.success) return becomeAuthenticated();
        return failAuthentication(
            std::make_exception_ptr(RemoteError(std::string(toString(ErrorCode::authenticationFailed)),
                                                "The server did not accept the token")),
            true);
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
                      message.details ? message.details->text() : std::string(), message.retriable,
                      message.retryAfter);
    const auto failure = std::make_exception_ptr(error);
    if (pending_.reject(message.id, failure)) return;
    if (message.messageId && pending_.reject(*message.messageId, failure)) return;
    const bool refusesToken = errorCodeFrom(message.code) == ErrorCode::authenticationFailed;
    const bool answersAuth = message.id == authId_ || message.messageId == authId_ || refusesToken;
    if (!negotiationId_.empty() && (message.id == negotiationId_ || message.messageId == negotiationId_))
        return failAuthentication(failure, false);
    if (!authId_.empty() && answersAuth) return failAuthentication(failure, refusesToken);
    report(Errc::refused, error.what());
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
