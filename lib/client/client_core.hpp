#pragma once

#include "client/event_sinks.hpp"
#include "client/open_websocket.hpp"
#include "client/pending_replies.hpp"
#include "client/send_line.hpp"
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
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// What a WSClient is a handle on. Its strands own it; so it outlives the handle until they have unwound.
/// Used on its shard's thread alone, but for executor(), sinks(), isConnected() and abandon().
class ClientCore final : private ConnectionHandler
{
public:
    ClientCore(ShardExecutor executor, WSClientOptions options);
    ClientCore(const ClientCore&) = delete;
    ClientCore& operator=(const ClientCore&) = delete;

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }
    [[nodiscard]] EventSinks& sinks() noexcept { return sinks_; }
    [[nodiscard]] bool isConnected() const noexcept { return connected_.load(std::memory_order_relaxed); }

    // The operations of WSClient, each of which owns the core while it runs.
    [[nodiscard]] static Strand<> connect(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> disconnect(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<EventStream<Delivery>> subscribe(std::shared_ptr<ClientCore> core,
                                                                 Topics topics);
    [[nodiscard]] static Strand<> unsubscribe(std::shared_ptr<ClientCore> core, Topics topics);
    [[nodiscard]] static Strand<Receipt> publish(std::shared_ptr<ClientCore> core, PublishMessage message);
    [[nodiscard]] static Strand<> send(std::shared_ptr<ClientCore> core, Message message);
    [[nodiscard]] static Strand<Message> sendAndWait(std::shared_ptr<ClientCore> core, Message message,
                                                     std::optional<std::chrono::milliseconds> timeout);

    /// The handle has gone, on whichever thread: what waits ends with Errc::cancelled, and what runs is
    /// cancelled.
    static void abandon(std::shared_ptr<ClientCore> core);

private:
    enum class State : std::uint8_t
    {
        idle,
        connecting,  // up to the server's yes to the token
        connected,
    };

    [[nodiscard]] static Strand<> open(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> serve(std::shared_ptr<ClientCore> core, OpenedWebSocket opened);
    [[nodiscard]] static Strand<> pingRegularly(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> endEverything(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> awaitConnected(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> subscribeAgain(std::shared_ptr<ClientCore> core);
    [[nodiscard]] static Strand<> waitForRoom(std::shared_ptr<ClientCore> core, Clock::time_point deadline,
                                              std::string_view what);
    [[nodiscard]] static Strand<Message> exchange(std::shared_ptr<ClientCore> core, Message message,
                                                  Clock::time_point deadline);

    void onText(std::string_view text) override;
    void onSent() override;
    void handle(VersionNegotiationMessage message);
    void handle(AckMessage message);
    void handle(ErrorMessage message);
    void handle(EventMessage message);
    void handle(PongMessage message);
    template <typename Other>
    void handle(Other message);

    void authenticate();
    void becomeConnected();
    void failToConnect(std::exception_ptr failure);
    void ended(const CloseReason& reason);
    void report(Errc code, std::string text);
    void complete(Message& message) const;
    void sendNow(const Message& message);
    void release(const std::vector<std::string>& topics);
    [[nodiscard]] std::vector<std::string> takeBack(const std::vector<std::string>& topics);
    [[nodiscard]] bool hasRoom() const;
    [[nodiscard]] Clock::time_point deadlineAfter(std::chrono::milliseconds timeout) const;
    void requireIdle() const;
    void requireConnected() const;
    [[nodiscard]] Error endedError() const;

    const ShardExecutor executor_;
    const WSClientOptions options_;
    const Url url_;
    const ConnectionOptions connectionOptions_;
    std::shared_ptr<Shard> shard_;
    TaskGroup housekeeping_;  // the sweep and the pings, from connect() to the end of the connection
    TaskGroup sessions_;      // the connection, and the attempt to make one
    Signal changed_;          // of the state
    SendLine line_;
    EventSinks sinks_;
    PendingReplies pending_;
    std::map<std::string, std::size_t> subscriptions_;  // by how many subscribe() calls each is wanted
    PeerConnection* connection_ = nullptr;              // lives in the frame of serve()
    std::string authId_;                                // of the `auth` that waits for its answer
    std::exception_ptr connectFailure_;
    CloseReason lastReason_;
    std::string scratch_;
    State state_ = State::idle;
    bool negotiated_ = false;
    bool announced_ = false;   // streams have been told of this connection, and will be of its end
    bool connecting_ = false;  // from connect() to its very end
    bool abandoned_ = false;   // the handle has gone
    bool wasLost_ = false;     // streams have been told of a gap that a reconnect closes
    int leaving_ = 0;          // disconnect() is under way, so many times: what ends now ends on purpose
    std::atomic<bool> connected_ = false;
};

}  // namespace strandcast
