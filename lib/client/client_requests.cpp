#include "client/client_core.hpp"
#include "coro/deadline.hpp"
#include "message/envelope.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>

#include <utility>

// What an application asks of a server, and how the answers find their question.

namespace strandcast
{

namespace
{

// Requests wait for room when more than this has not left for the server.
constexpr std::size_t maxUnsentBytes = 1024 * 1024;

}  // namespace

Strand<Receipt> ClientCore::publish(std::shared_ptr<ClientCore> core, PublishMessage message,
                                    OnDisconnect onDisconnect)
{
    const auto answer = co_await sendAndWait(std::move(core), std::move(message), std::nullopt, onDisconnect);
    const auto* const ack = std::get_if<AckMessage>(&answer);
    co_return Receipt{ack ? ack->sequenceNumber : std::nullopt};
}

Strand<> ClientCore::send(std::shared_ptr<ClientCore> core, Message message)
{
    auto request = core->requestFor(std::move(message));
    co_await awaitTurn(core, request);
    core->sendNow(request.message);
}

Strand<Message> ClientCore::sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                        std::optional<std::chrono::milliseconds> timeout,
                                        OnDisconnect onDisconnect)
{
    auto request = core->requestFor(std::move(message), timeout, onDisconnect);
    co_await awaitTurn(core, request);
    co_return co_await exchange(core, request);
}

ClientCore::Request ClientCore::requestFor(Message message, std::optional<std::chrono::milliseconds> timeout,
                                           OnDisconnect onDisconnect)
{
    complete(message);
    Request request{.message = std::move(message),
                    .deadline = deadlineAfter(clock(), timeout.value_or(options_.messageTimeout)),
                    .onDisconnect = onDisconnect,
                    .ticket = line_.nextTicket()};
    request.what = fmt::format("'{}' {}", toString(messageType(request.message)), messageId(request.message));
    return request;
}

// Sends what has its turn, again after each reconnect if need be, and waits for the answer.
Strand<Message> ClientCore::exchange(std::shared_ptr<ClientCore> core, Request& request)
{
    for (;;)
    {
        auto answer = co_await ask(core, request);
        if (answer) co_return *std::move(answer);
        if (request.onDisconnect == OnDisconnect::fail) throw core->endedError();
        co_await awaitTurn(core, request);
    }
}

// Nothing where the connection was lost before the answer came.
Strand<std::optional<Message>> ClientCore::ask(std::shared_ptr<ClientCore> core, Request& request)
{
    PendingReplies::Place place(core->pending_, core->executor_, messageId(request.message));
    if (request.beforeSend) request.beforeSend();
    place.setBytes(core->sendNow(request.message));
    request.wasSent = true;
    if (request.onDisconnect == OnDisconnect::fail) request.message = Message();  // it may be a large one
    co_return co_await place.answer(core->clock(), request.deadline, request.what);
}

// Who got its turn sends before anybody else looks. What was sent before keeps its place in the line, and
// that cannot be refused for want of room.
Strand<> ClientCore::awaitTurn(std::shared_ptr<ClientCore> core, Request& request)
{
    const auto life = core->life_;
    core->requireLife(life);
    if (core->line_.empty() && core->hasRoom()) co_return;
    if (!core->isReady() && !request.wasSent && core->line_.size() >= core->options_.queueSize)
        throw Error(Errc::queueFull, fmt::format("{} requests wait for a connection to {} already",
                                                 core->line_.size(), core->url_.shown));
    SendLine::Place place(core->line_, core->executor_, request.ticket);
    while (!place.isFirst() || !core->hasRoom())
    {
        if (core->clock().now() >= request.deadline) throw core->lateError(request);
        co_await place.wait(core->clock(), request.deadline);
        core->requireLife(life);
    }
}

Error ClientCore::lateError(const Request& request) const
{
    if (isReady()) return {Errc::timedOut, "the server took nothing in time for " + request.what};
    return {Errc::timedOut, fmt::format("no connection in time for {}", request.what)};
}

bool ClientCore::isReady() const
{
    return state_ == State::ready && connection_ && !connection_->isClosing();
}

bool ClientCore::hasRoom() const
{
    return isReady() && connection_->outbox().answersLeft() <= maxUnsentBytes;
}

void ClientCore::onSent()
{
    if (!line_.empty() && hasRoom()) line_.wakeFirst();
}

std::size_t ClientCore::sendNow(const Message& message)
{
    if (!connection_) return 0;
    scratch_.clear();
    appendMessage(scratch_, message, version_);
    connection_->send(scratch_);
    noteSent(message);
    return scratch_.size();
}

// What makes numbers be missing in what comes.
void ClientCore::noteSent(const Message& message)
{
    if (const auto* const publish = std::get_if<PublishMessage>(&message))
    {
        if (!publish->broadcast) numbers_.passedOver();
    }
    else if (const auto* const unsubscribe = std::get_if<UnsubscribeMessage>(&message))
    {
        numbers_.unsubscribed(unsubscribe->topics);
    }
}

}  // namespace strandcast
