#pragma once

#include "connection/outbox.hpp"
#include "connection/shard.hpp"
#include "coro/signal.hpp"
#include "websocket/deflater.hpp"
#include "websocket/protocol.hpp"

#include <strandcast/close_reason.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace strandcast
{

class PeerConnection;

/// What the owner of a connection hears, inline in the reader: it must not throw, and not destroy the
/// connection.
class ConnectionHandler
{
public:
    virtual void onText(std::string_view text) = 0;
    /// Never heard where the limits refuse binary messages.
    virtual void onBinary(std::span<const std::byte> bytes) { static_cast<void>(bytes); }
    /// All that has come up to now was heard. Behind it the connection counts on nothing but itself: whatever
    /// runs here may write, and close.
    virtual void onReceived() {}
    /// The deadline of PeerConnection::setDeadline() has passed; there is none any more.
    virtual void onDeadline() {}
    /// Something of what waits for the peer has left.
    virtual void onSent() {}
    /// An event could not wait any longer, or not at all. Each event is either written or told here.
    virtual void onEventDropped(std::string_view topic, DropReason reason) noexcept
    {
        static_cast<void>(topic);
        static_cast<void>(reason);
    }

protected:
    ~ConnectionHandler() = default;
};

struct ConnectionOptions
{
    Role role = Role::server;
    ProtocolLimits protocol;
    OutboxLimits outbox;
    std::size_t maxAnswerBytes = 256 * 1024;  ///< above this a peer is not read until it takes its answers
    std::chrono::milliseconds heartbeatInterval{
        0};                                         ///< silent for two of these: closed with 1008; 0 is never
    std::chrono::milliseconds closeTimeout{5'000};  ///< from the decision to close to insisting
    std::chrono::milliseconds shortestDeadline{
        10'000};  ///< how exact setDeadline() must be: to an eighth of this
    std::size_t maxDiscardedBytes = 16 * 1024 * 1024;  ///< read from a peer while waiting for its Close
};

/// One WebSocket peer after the upgrade, and its strands. It lives in the frame of the coroutine that awaits
/// run(); what it is given outlives it. Used on its shard's thread alone.
///
/// The reader lives as long as the connection and holds no buffer; a writer exists only while the socket
/// refuses bytes. There are two ways to stop: close() asks, abandon() insists.
class PeerConnection final : public MaskSource
{
public:
    PeerConnection(Shard& shard, std::unique_ptr<Transport> transport, const ConnectionOptions& options,
                   ConnectionHandler& handler);
    PeerConnection(const PeerConnection&) = delete;
    PeerConnection& operator=(const PeerConnection&) = delete;
    ~PeerConnection();

    /// From now on messages may be compressed, both ways, as the upgrade agreed on.
    void compress(const DeflateParameters& agreed, const DeflateOptions& options);
    /// What compresses events for this connection, and for all that agreed on the same; null where none are.
    [[nodiscard]] Deflater* sharedDeflater() const noexcept { return ownDeflater_ ? nullptr : deflater_; }

    /// Reads until the connection is over, whatever ends it, and gives why: the peer's reason where it closed
    /// first, ours where we did, 1006 where it was lost. Begins with `received`, which came behind the
    /// upgrade. Cancelling insists. All strands of the connection have ended when this has.
    [[nodiscard]] Strand<CloseReason> run(std::string received);

    // The same in parts, for a LeanStrand: begin(), `co_await reading()` until isOver(), then `co_await
    // woken()` while isWriting(), and end().
    class Reading;
    class Woken;
    void begin(std::string received);
    /// What there is to read has been read, and there may be more when this ends.
    [[nodiscard]] Reading reading() noexcept;
    [[nodiscard]] Woken woken() noexcept;
    [[nodiscard]] bool isOver() const noexcept { return state_ == State::over; }
    [[nodiscard]] bool isWriting() const noexcept { return writing_; }
    [[nodiscard]] CloseReason end() noexcept;

    /// Queues what is no frame, before all frames: the response to the upgrade, which so leaves with the
    /// first of them.
    void sendRaw(std::string_view bytes);

    /// Queues a text message that is never dropped. Ignored once closing.
    void send(std::string_view text);
    void sendBinary(std::span<const std::byte> bytes);

    /// Queues an event that many share. Where the queue is full its policy says what is dropped; whatever is
    /// dropped is told to the handler, as is every event once closing.
    /// @returns false where it was dropped at once.
    [[gnu::always_inline]] bool sendEvent(const SharedFrame& frame)
    {
        const auto size = frame.bytes().size();
        const bool hasRoom = !outbox_.isFullFor(size, options_.outbox) && shard_.budget().hasRoomFor(size);
        if (state_ != State::open || !hasRoom) return sendEventWithPolicy(frame);
        outbox_.pushEvent(shard_.budget().hold(frame));
        wantFlush();
        return true;
    }

    /// Queues an event without a topic behind the others, whatever the bounds; it is never dropped to make
    /// room. Ignored once closing.
    void sendKeptEvent(const SharedFrame& frame);

    /// Queues a WebSocket ping.
    void ping();

    /// Sends what is queued, then a Close, and waits for the peer's, at most `closeTimeout`. The first reason
    /// counts.
    void close(CloseReason reason);

    /// The same without what is queued in events.
    void closeWithoutEvents(CloseReason reason);

    /// Ends it now; run() returns in a later turn.
    void abandon();

    /// Nothing more is read, nor handled, until resumeReading(). Calls may nest. A peer that goes meanwhile
    /// is noticed by the sweep, and its connection lost: what it sent and was not handled yet goes with it.
    void pauseReading() noexcept { ++pauses_; }
    void resumeReading();

    /// The handler hears of `deadline`, within the precision of the sweep. One at a time.
    void setDeadline(Clock::time_point deadline) noexcept { deadline_ = deadline; }
    void clearDeadline() noexcept { deadline_ = Clock::time_point::max(); }

    void setMaxMessageSize(std::size_t bytes) noexcept { protocol_.setMaxMessageSize(bytes); }

    [[nodiscard]] bool isClosing() const noexcept { return state_ != State::open; }
    /// Whether the peer said Close before this side meant to.
    [[nodiscard]] bool wasClosedByPeer() const noexcept { return closedByPeer_; }
    [[nodiscard]] const Outbox& outbox() const noexcept { return outbox_; }
    [[nodiscard]] std::string peerAddress() const { return transport_->peerAddress(); }

    // For the shard.
    /// Lets events go, as the policy says, until at most `bytes` of them wait.
    void shrinkQueue(std::size_t bytes) noexcept;
    void flush() noexcept;
    /// Brings what flush() and sendEvent() touch nearer to the processor: first what lies in here, later what
    /// that refers to.
    void prefetch() const noexcept
    {
        constexpr std::size_t line = 64;
        const auto* const begin = reinterpret_cast<const char*>(this);
        for (std::size_t at = 0; at < hotBytes; at += line) __builtin_prefetch(begin + at, 1);
    }
    void prefetchFurther() const noexcept
    {
        __builtin_prefetch(transport_.get());
        outbox_.prefetch();
    }
    void checkDeadlines(Clock::time_point now) noexcept;
    void setPlace(std::size_t place) noexcept { place_ = place; }

    [[nodiscard]] std::uint32_t nextMask() override
    {
        return static_cast<std::uint32_t>(shard_.random().next());
    }

private:
    enum class State : std::uint8_t
    {
        open,
        closing,    // the Close waits for what is queued before it
        closeSent,  // it is in the queue, or gone; nothing follows it
        over,       // no reading and no writing any more
    };
    enum class Flushed : std::uint8_t
    {
        all,
        blocked,
        lost,
    };
    enum class Turn : std::uint8_t
    {
        idle,  // the transport would block
        more,  // stopped for fairness
        stop,  // paused or over
    };

    [[nodiscard]] Turn readTurn();
    void received(std::span<std::byte> bytes);
    void handleEvents();
    template <typename Handling>
    void attempt(Handling handling);
    void handle(std::string_view text);
    void handle(const ProtocolEvent& event);
    void peerClosed(CloseReason reason);
    void failed(CloseReason reason);
    void lost();
    void writeNow();
    void judge(Clock::time_point now);
    void takeOutput();
    [[nodiscard]] bool sendEventWithPolicy(const SharedFrame& frame);
    void wantFlush()
    {
        if (writing_ || state_ == State::over || std::exchange(dirty_, true)) return;
        shard_.flushQueue().push(*this);
    }
    void wake() noexcept;
    [[nodiscard]] bool isPaused() const noexcept;
    [[nodiscard]] bool answersWait() const noexcept
    {
        return outbox_.answersLeft() > options_.maxAnswerBytes;
    }
    class Idling;
    [[nodiscard]] Strand<> readAll(Idling& idling);
    [[nodiscard]] Strand<> writeRest();
    [[nodiscard]] Strand<> waitForWake();
    [[nodiscard]] bool sleep(std::coroutine_handle<> frame);
    /// `batch` is that of the turn in which all are flushed.
    [[nodiscard]] Flushed writeAll(FrameBatch* batch = nullptr);
    void queueClose();
    [[nodiscard]] bool makeRoomFor(std::string_view topic, std::size_t size);
    [[nodiscard]] bool dropOldestFor(std::size_t size);
    void closeAsSlow() noexcept;
    void conflateFor(std::string_view topic);
    void dropEvents() noexcept;
    void dropAllEvents() noexcept;
    void heartbeat(Clock::time_point now);
    [[nodiscard]] Clock::time_point timeOfHearing() const noexcept;
    void append(Opcode opcode, std::span<const std::byte> payload);

    /// What is known of the end.
    struct Ending
    {
        CloseReason reason;
        Clock::time_point deadline = Clock::time_point::max();  // for the peer's part of it
        std::size_t discarded = 0;                              // bytes of it that came meanwhile
    };
    void endFor(CloseReason reason);
    void boundEnding();

    static constexpr std::size_t hotBytes = 192;

    // First what each event touches: with thousands of connections that is memory that no cache holds.
    Shard& shard_;
    std::unique_ptr<Transport> transport_;
    const ConnectionOptions& options_;
    ConnectionHandler& handler_;
    Outbox outbox_;
    State state_ = State::open;
    bool dirty_ = false;
    bool writing_ = false;
    bool pinged_ = false;
    bool sentEnd_ = false;
    bool closedByPeer_ = false;
    std::uint16_t pauses_ = 0;
    Deflater* deflater_ = nullptr;
    std::unique_ptr<Deflater> ownDeflater_;  // where messages refer to each other
    std::unique_ptr<Signal> wake_;           // only while the reader waits for something else than its socket
    Protocol protocol_;
    std::unique_ptr<Ending> ending_;  // once it has begun
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::time_point heard_;
    std::size_t place_ = 0;
};

/// Sleeps until the connection's state has changed, or its writer has ended.
class PeerConnection::Woken
{
public:
    explicit Woken(PeerConnection& connection) noexcept : connection_(connection) {}

    static bool await_ready() noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame) { return connection_.sleep(frame); }
    void await_resume() noexcept { connection_.wake_.reset(); }

private:
    PeerConnection& connection_;
};

/// Reads on, without a coroutine, for as long as all there is to do is to wait for more: a Strand of Asio's
/// would pay for each wait. In the frame of run().
class PeerConnection::Idling final : public Waiter
{
public:
    explicit Idling(PeerConnection& connection)
        : connection_(connection),
          ended_(connection.shard_.executor())
    {
    }

    /// @returns false where the transport cannot tell now when there is more.
    [[nodiscard]] bool begin();
    /// Whether the transport refers to this.
    [[nodiscard]] bool isWaiting() const noexcept { return isWaiting_; }
    /// Ends when it does no more. To be repeated while it does.
    [[nodiscard]] Strand<> untilEnded() { return ended_.wait(); }
    /// Throws what reading has thrown, once.
    void throwFailure()
    {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

    void resume() override;
    void drop() noexcept override { isWaiting_ = false; }

private:
    PeerConnection& connection_;
    Signal ended_;  // of its own: the connection is woken by each flush
    std::exception_ptr failure_;
    bool isWaiting_ = false;
};

/// Reads what there is, then sleeps until there may be more.
class PeerConnection::Reading final : public Waiter
{
public:
    explicit Reading(PeerConnection& connection) noexcept : connection_(connection) {}

    static bool await_ready() noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame);
    void await_resume() noexcept { connection_.wake_.reset(); }

    void resume() override { frame_.resume(); }
    void drop() noexcept override
    {
        if (frame_) frame_.destroy();
    }

private:
    PeerConnection& connection_;
    std::coroutine_handle<> frame_;
};

inline PeerConnection::Reading PeerConnection::reading() noexcept
{
    return Reading(*this);
}

inline PeerConnection::Woken PeerConnection::woken() noexcept
{
    return Woken(*this);
}

}  // namespace strandcast
