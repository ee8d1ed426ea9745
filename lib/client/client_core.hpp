#pragma once

#include "client/backoff.hpp"
#include "client/client_life.hpp"
#include "client/event_sinks.hpp"
#include "client/open_websocket.hpp"
#include "client/pending_replies.hpp"
#include "client/send_line.hpp"
#include "client/subscriptions.hpp"
#include "client/topic_numbers.hpp"
#include "client/url.hpp"
#include "connection/peer_connection.hpp"
#include "connection/shard.hpp"
#include "coro/signal.hpp"
#include "coro/task_group.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/ws_client.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// What a WSClient is a handle on. Its strands own it; so it outlives the handle until they have unwound.
/// Used on its shard's thread alone, but for executor(), options(), isGone(), isConnected(), abandon(), and
/// what sinks() says that any thread may do.
class ClientCore final : public std::enable_shared_from_this<ClientCore>, private ConnectionHandler
{
public:
    ClientCore(ShardExecutor executor, WSClientOptions options);
    ClientCore(const ClientCore&) = delete;
    ClientCore& operator=(const ClientCore&) = delete;

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }
    [[nodiscard]] const WSClientOptions& options() const noexcept { return options_; }
    [[nodiscard]] EventSinks& sinks() noexcept { return sinks_; }
    /// Whether the handle has gone, for good.
    [[nodiscard]] bool isGone() const noexcept { return gone_; }
    [[nodiscard]] bool isConnected() const noexcept { return connected_.load(std::memory_order_relaxed); }

    // The operations of WSClient, each of which owns the core while it runs.
    [[nodiscard]] static Strand<> connect(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> disconnect(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<EventStream<Delivery>> subscribe(std::shared_ptr<ClientCore> core,
                                                                 Topics topics, SubscribeOptions options);
    [[nodiscard]] static Strand<> unsubscribe(std::shared_ptr<ClientCore> core, Topics topics);
    [[nodiscard]] static Strand<Receipt> publish(std::shared_ptr<ClientCore> core, PublishMessage message,
                                                 OnDisconnect onDisconnect);
    [[nodiscard]] static Strand<> send(std::shared_ptr<ClientCore> core, Message message);
    [[nodiscard]] static Strand<Message> sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                                     std::optional<std::chrono::milliseconds> timeout,
                                                     OnDisconnect onDisconnect);

    /// The handle has gone, on whichever thread: what waits ends with Errc::cancelled, and what runs is
    /// cancelled.
    static void abandon(std::shared_ptr<ClientCore> core);

private:
    enum class State : std::uint8_t
    {
        idle,           // no connection, nor an attempt to make one
        connecting,     // up to the server's yes to the token
        resubscribing,  // up to the server's yes to what it is asked for again
        ready,
    };

    /// Something that is asked of the server, in the frame of who asks.
    struct Request
    {
        Message message;
        Clock::time_point deadline = Clock::time_point::max();
        OnDisconnect onDisconnect = OnDisconnect::resend;
        SendLine::Ticket ticket = 0;
        std::string what = {};                  // for people
        std::function<void()> beforeSend = {};  // each time
        bool wasSent = false;
    };

    // client_life.cpp: from connect() to the end.
    [[nodiscard]] static Strand<std::shared_ptr<ClientLife>> begin(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> live(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life);
    [[nodiscard]] static Strand<> keepConnected(std::shared_ptr<ClientCore> core,
                                                std::shared_ptr<ClientLife> life);
    [[nodiscard]] static Strand<> pause(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life,
                                        std::chrono::milliseconds delay);
    [[nodiscard]] static Strand<> awaitEnd(std::shared_ptr<ClientCore> core,
                                           std::shared_ptr<ClientLife> life);
    [[nodiscard]] static Strand<> insistOnEnd(std::shared_ptr<ClientCore> core,
                                              std::shared_ptr<ClientLife> life);
    void callOff(ClientLife& life);
    void bury(ClientLife& life);
    [[nodiscard]] bool mayTryAgain() const;
    [[nodiscard]] bool hasHeld() const;
    void reportFailedAttempt();
    void reportFinalEnd();
    [[nodiscard]] std::exception_ptr whyEnded(const ClientLife& life) const;

    // client_connection.cpp: one connection, from the attempt to its end.
    [[nodiscard]] static Strand<> attempt(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> open(std::shared_ptr<ClientCore> core,
                                       std::shared_ptr<std::optional<OpenedWebSocket>> opened);
    [[nodiscard]] static Strand<> serve(std::shared_ptr<ClientCore> core, OpenedWebSocket opened);
    [[nodiscard]] static Strand<> failAtDeadline(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> endAtDeadline(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> attend(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> pingRegularly(std::shared_ptr<ClientCore> core);
    void selectVersion1_1();
    void negotiated();
    void authenticate();
    void becomeAuthenticated();
    void becomeReady();
    void failAuthentication(std::exception_ptr failure, bool isTokenRefused);
    void ended(const CloseReason& reason);
    [[nodiscard]] std::exception_ptr noConnectionInTime() const;

    // client_subscriptions.cpp
    [[nodiscard]] static Strand<> restoreSubscriptions(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<std::set<std::string>> subscribeAgain(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> tellUnwanted(std::shared_ptr<ClientCore> core);
    void release(const std::vector<std::string>& topics);

    // client_requests.cpp
    [[nodiscard]] static Strand<> awaitTurn(std::shared_ptr<ClientCore> core, Request& request);
    [[nodiscard]] static Strand<Message> exchange(std::shared_ptr<ClientCore> core, Request& request);
    [[nodiscard]] static Strand<std::optional<Message>> ask(std::shared_ptr<ClientCore> core,
                                                            Request& request);
    [[nodiscard]] Request requestFor(Message message, std::optional<std::chrono::milliseconds> timeout = {},
                                     OnDisconnect onDisconnect = OnDisconnect::resend);
    [[nodiscard]] Error lateError(const Request& request) const;

    void onText(std::string_view text) override;
    void onReceived() override;
    void onSent() override;
    void handle(VersionNegotiationMessage message);
    void handle(AckMessage message);
    void handle(ErrorMessage message);
    void handle(EventMessage message);
    void heard(const EventView& event);
    void noteAnswer();
    void handle(PongMessage message);
    template <typename Other>
    void handle(Other message);

    void report(Errc code, std::string text);
    void complete(Message& message) const;
    std::size_t sendNow(const Message& message);
    void noteSent(const Message& message);
    [[nodiscard]] bool isReady() const;
    [[nodiscard]] bool hasRoom() const;
    [[nodiscard]] Clock& clock() const noexcept { return shard_->clock(); }
    void requireOwner() const;
    void requireLife(const std::shared_ptr<ClientLife>& life) const;
    [[nodiscard]] Error endedError() const;

    const ShardExecutor executor_;
    const WSClientOptions options_;
    const Url url_;
    const std::unique_ptr<const TlsClientContext> tls_;  // where the URL says so
    const OpenOptions openOptions_;
    const ConnectionOptions connectionOptions_;
    std::shared_ptr<Shard> shard_;
    TaskGroup lives_;         // the strand of a life, one at a time
    TaskGroup attempts_;      // of a life: a connection, from the attempt to make it
    TaskGroup attendants_;    // of a connection: what runs beside its reader
    TaskGroup housekeeping_;  // of a life: the sweep
    Signal changed_;          // of all that is waited for below
    SendLine line_;
    EventSinks sinks_;
    PendingReplies pending_;
    Subscriptions subscriptions_;
    TopicNumbers numbers_;
    bool isAnswering_ = false;          // who waited for an answer has yet to see it
    std::set<std::string> unwanted_;    // what the server is still to be told that nobody wants
    std::shared_ptr<ClientLife> life_;  // none where nothing was begun, or all has ended
    std::uint64_t lastConnect_ = 0;     // connect() calls are counted,
    std::uint64_t calledOff_ = 0;       // and disconnect() ends those up to here, and none that comes later
    ConnectionAttempt attempt_;         // the one under way, or the last
    PeerConnection* connection_ = nullptr;    // lives in the frame of serve()
    const std::string session_;               // under which the server knows this client again
    std::optional<std::string> subprotocol_;  // that the server chose
    std::string clientId_;                    // that the server told, if it did
    std::string negotiationId_;               // of the `version-negotiation` that waits for its answer
    std::string authId_;                      // of the `auth` that waits for its answer
    CloseReason lastReason_;
    std::string scratch_;
    State state_ = State::idle;
    ProtocolVersion version_ = ProtocolVersion::v1_0;  // of the connection
    std::atomic<bool> gone_ = false;                   // the handle has
    std::atomic<bool> connected_ = false;
};

}  // namespace strandcast
