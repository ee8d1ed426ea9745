#pragma once

#include "connection/peer_connection.hpp"
#include "connection/rate_limit.hpp"
#include "coro/task_group.hpp"
#include "message/envelope.hpp"
#include "server/arrival.hpp"
#include "server/request_handler.hpp"
#include "server/upgrade_record.hpp"

#include <strandcast/close_reason.hpp>
#include <strandcast/error.hpp>
#include <strandcast/message.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>
#include <strandcast/ws_server.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace strandcast
{

class ServerCore;

/// 64 random bits in base 36, behind a letter.
using ClientId = std::array<char, 14>;

/// One client of a server: what it is, what it may, and the conversation with it. It lives with the strand
/// that serves it.
class ClientSession final : private ConnectionHandler
{
public:
    /// `number` counts the server's clients: it orders them.
    ClientSession(ServerCore& server, std::unique_ptr<Transport> transport, std::uint64_t number);
    ClientSession(const ClientSession&) = delete;
    ClientSession& operator=(const ClientSession&) = delete;
    ~ClientSession();

    /// What the upgrade agreed on for its messages.
    void compress(const std::optional<DeflateParameters>& agreed);
    void setUpgrade(const AcceptedUpgrade& upgraded) { upgrade_ = UpgradeRecord(upgraded); }
    /// Whom the connection is of, where that is not who is connected.
    void setClientAddress(std::string address)
    {
        clientAddress_ = std::make_unique<const std::string>(std::move(address));
    }
    /// What it holds from its arrival: the place among those who are no clients yet until its first login,
    /// and its address' own for as long as it is connected.
    void hold(Arrival arrival) { arrival_ = std::make_unique<Arrival>(std::move(arrival)); }
    /// What compresses events for this client, and others like it; null where none are compressed.
    [[nodiscard]] Deflater* deflater() const noexcept { return connection_.sharedDeflater(); }

    // The conversation, of which a LeanStrand serves one for each client: begin() with the bytes that came
    // behind the upgrade, `co_await reading()` until isOver(), abandon(), `co_await woken()` while
    // isWriting(), awaits hooksEnded() where hasHooks(), and end().
    void begin(std::string_view upgradeResponse, std::string received);
    [[nodiscard]] PeerConnection::Reading reading() noexcept { return connection_.reading(); }
    [[nodiscard]] bool isOver() const noexcept { return connection_.isOver(); }
    /// It ends now: reading() in a later turn.
    void abandon() { connection_.abandon(); }
    [[nodiscard]] PeerConnection::Woken woken() noexcept { return connection_.woken(); }
    [[nodiscard]] bool isWriting() const noexcept { return connection_.isWriting(); }
    [[nodiscard]] bool hasHooks() const noexcept { return hook_ != nullptr; }
    [[nodiscard]] Strand<> hooksEnded();
    /// Tells who is to know. `hasFailed`: what was thrown ended it, and not what its connection says.
    void end(bool hasFailed) noexcept;

    /// Answers a request with success; a publish with its event's number as well.
    void acknowledge(std::string_view messageId, std::optional<std::uint64_t> sequenceNumber = {});
    /// The same, said at `now`.
    void acknowledge(std::string_view messageId, std::optional<std::uint64_t> sequenceNumber, Timestamp now);

    /// Answers a request with an error; `details` is JSON text, or empty.
    void refuse(std::string_view messageId, ErrorCode code, std::string_view text,
                std::string_view details = {}, RetryHint retry = {});

    /// Queues an event, as the outbox' bounds allow. False where it was dropped at once.
    bool deliver(const SharedFrame& event)
    {
        ++events_;
        return connection_.sendEvent(event);
    }
    /// Brings what deliver() touches nearer to the processor.
    void prefetch() const noexcept
    {
        __builtin_prefetch(this, 1);
        connection_.prefetch();
    }
    void prefetchFurther() const noexcept { connection_.prefetchFurther(); }

    /// The same without bounds, for the end of a replay, whose topic is empty.
    void deliverAlways(const SharedFrame& end) { connection_.sendKeptEvent(end); }

    /// Whether the request handler hears of what has left.
    void tellSent(bool isTold) noexcept { tellsSent_ = isTold; }

    /// Whether an event of `bytes` leaves as much room again for those that cannot wait elsewhere.
    [[nodiscard]] bool hasRoomFor(std::size_t bytes) const noexcept;

    /// An event for the client could wait no longer before it was queued.
    void noteDropped(std::string_view topic, DropReason reason) noexcept;

    /// Queues a message that the client did not ask for, as answers are. One that has too many of them to
    /// take is a slow consumer, and closed: nothing else would bound them. False where it is not queued.
    bool push(std::string_view text);

    void close(CloseReason reason) { connection_.close(std::move(reason)); }

    /// The client is not read, until it may go on.
    void pause() noexcept { connection_.pauseReading(); }
    void resume() { connection_.resumeReading(); }

    [[nodiscard]] std::string id() const { return std::string(idText()); }
    /// The same, for as long as the session lives.
    [[nodiscard]] std::string_view idText() const noexcept { return {id_.data(), id_.size()}; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// What the log knows it by as a publisher: unique among all nodes on one log, and not 0.
    [[nodiscard]] std::uint64_t publisher() const noexcept { return publisher_; }
    /// What its messages carry, both ways.
    [[nodiscard]] ProtocolVersion version() const noexcept { return version_; }
    /// Who it is, where the authenticate hook said more than yes; else null.
    [[nodiscard]] const std::shared_ptr<const Authentication>& login() const noexcept { return login_; }
    [[nodiscard]] bool isAuthenticated() const noexcept { return authenticated_; }
    [[nodiscard]] ClientInfo info() const;

private:
    void onText(std::string_view text) override;
    void onDeadline() override;
    void onSent() override;
    void onEventDropped(std::string_view topic, DropReason reason) noexcept override;

    void handle(Message& message);
    void handleAuth(AuthMessage message);
    void greet();
    [[nodiscard]] const Authentication& whatHookSaid() const noexcept;
    [[nodiscard]] bool hookRuns() const noexcept { return hook_ && hook_->size() > 0; }
    void handleNegotiation(const VersionNegotiationMessage& message);
    void beginVersion1_1(const VersionNegotiationMessage& message);
    void handlePing(const PingMessage& message);
    void authenticated(Authentication login);
    void answerAuth(std::string_view messageId, Authentication login);
    void expire();
    void beginAuthTimeout();
    void armDeadline();
    void releaseSlot() noexcept;
    void refuseCredentials(std::string_view messageId);
    [[nodiscard]] std::string peerAddress() const;
    [[nodiscard]] bool admit();
    [[nodiscard]] RequestHandler* handler() const noexcept;
    [[nodiscard]] static Strand<> authenticate(ClientSession& session,
                                               std::shared_ptr<const Authenticate> hook, AuthMessage message);

    // First what each event touches.
    ServerCore& server_;
    std::uint64_t events_ = 0;   // that it was to have
    std::uint64_t dropped_ = 0;  // of these
    ClientId id_;
    // Each idle client has them: they fill up the id's word.
    ProtocolVersion version_ = ProtocolVersion::v1_0;
    bool authenticated_ : 1 = false;
    bool tellsSent_ : 1 = false;

public:
    /// What the request handler keeps with this client.
    std::unique_ptr<SessionData> data;

private:
    PeerConnection connection_;
    std::uint64_t number_;
    std::uint64_t publisher_;
    Timestamp connectedAt_;
    UpgradeRecord upgrade_;
    std::unique_ptr<const std::string> clientAddress_;  // none: the peer's
    std::unique_ptr<const std::string> session_;        // the client's own under 1.1.0
    std::shared_ptr<const Authentication> login_;       // the last one, where it said more than yes
    Clock::time_point authDeadline_ = Clock::time_point::max();
    std::unique_ptr<Arrival> arrival_;  // while it holds any of it
    std::unique_ptr<TaskGroup> hook_;   // the authenticate hook, at most one at a time
    RateLimit rateLimit_;
    std::uint64_t received_ = 0;
};

}  // namespace strandcast
