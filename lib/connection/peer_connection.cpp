#include "connection/peer_connection.hpp"

#include "coro/lean_strand.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

template <typename... Handlers>
struct Overloaded : Handlers...
{
    using Handlers::operator()...;
};

Clock::duration sweepInterval(const ConnectionOptions& options)
{
    using namespace std::chrono_literals;
    Clock::duration interval = std::min(options.closeTimeout, options.shortestDeadline);
    if (options.heartbeatInterval > 0ms)
        interval = std::min<Clock::duration>(interval, options.heartbeatInterval);
    return std::clamp<Clock::duration>(interval / 8, 1ms, 1s);
}

}  // namespace

PeerConnection::PeerConnection(Shard& shard, std::unique_ptr<Transport> transport,
                               const ConnectionOptions& options, ConnectionHandler& handler)
    : shard_(shard),
      transport_(std::move(transport)),
      options_(options),
      handler_(handler),
      protocol_(options.role, options.protocol, options.role == Role::client ? this : nullptr),
      heard_(timeOfHearing()),
      place_(shard.add(*this, sweepInterval(options)))
{
}

PeerConnection::~PeerConnection()
{
    shard_.remove(place_);
    if (dirty_) shard_.flushQueue().erase(*this);
}

void PeerConnection::compress(const DeflateParameters& agreed, const DeflateOptions& options)
{
    const bool isServer = options_.role == Role::server;
    protocol_.inflate(isServer ? agreed.client : agreed.server);
    const auto& own = agreed.of(options_.role);
    if (own.takeover) ownDeflater_ = std::make_unique<Deflater>(own, options);
    deflater_ = own.takeover ? ownDeflater_.get() : &shard_.sharedDeflater(own, options);
}

Strand<CloseReason> PeerConnection::run(std::string received)
{
    std::exception_ptr failure;
    Idling idling(*this);
    try
    {
        begin(std::move(received));
        co_await readAll(idling);
    }
    catch (const asio::system_error&)
    {
        // Cancelled, or closed by abandon(): both are an end.
    }
    catch (...)
    {
        failure = std::current_exception();
    }
    abandon();
    // The end is awaited in any case, for the writer and the transport refer to this.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    while (idling.isWaiting()) co_await idling.untilEnded();
    while (writing_) co_await waitForWake();
    auto reason = end();
    if (failure) std::rethrow_exception(failure);
    co_return reason;
}

// By value, so that what is received is not kept for as long as the connection.
void PeerConnection::begin(std::string received)
{
    if (!received.empty()) this->received(std::as_writable_bytes(std::span(received)));
}

CloseReason PeerConnection::end() noexcept
{
    dropAllEvents();
    return ending_ ? std::move(ending_->reason) : CloseReason{CloseCode::abnormal, {}};
}

bool PeerConnection::sleep(std::coroutine_handle<> frame)
{
    return SleepingFrame::sleep(frame,
                                [this](auto woken)
                                {
                                    wake_ = std::make_unique<Signal>(shard_.executor());
                                    wake_->whenNotified(woken);
                                });
}

void PeerConnection::received(std::span<std::byte> bytes)
{
    heard_ = timeOfHearing();
    pinged_ = false;
    if (ending_)
    {
        ending_->discarded += bytes.size();
        if (ending_->discarded > options_.maxDiscardedBytes) return abandon();
    }
    protocol_.receive(bytes);
    handleEvents();
    protocol_.retain();
    takeOutput();
    handler_.onReceived();
}

void PeerConnection::handleEvents()
{
    while (state_ != State::over && !isPaused())
    {
        if (const auto text = protocol_.nextWholeText())
            attempt([&] { handle(*text); });
        else if (const auto event = protocol_.nextEvent())
            attempt([&] { handle(*event); });
        else
            return;
        // Answers and Pongs keep their order: what the protocol says to this event goes before what the next
        // one asks.
        takeOutput();
    }
}

template <typename Handling>
void PeerConnection::attempt(Handling handling)
{
    try
    {
        handling();
    }
    catch (const std::exception&)
    {
        // Out of memory, as it must be: this peer's connection ends, and nobody else's.
        closeWithoutEvents({CloseCode::internalError, "Internal error"});
    }
}

void PeerConnection::handle(std::string_view text)
{
    if (state_ == State::open) handler_.onText(text);
}

void PeerConnection::handle(const ProtocolEvent& event)
{
    std::visit(
        Overloaded{
            [this](const TextReceived& message) { handle(message.text); },
            [this](const BinaryReceived& message)
            {
                if (state_ == State::open) handler_.onBinary(message.bytes);
            },
            [](const PingReceived&) {},
            [](const PongReceived&) {},
            [this](const PeerClosed& closed) { peerClosed(closed.reason); },
            [this](const ProtocolFailed& failure) { failed(failure.reason); },
        },
        event);
}

void PeerConnection::peerClosed(CloseReason reason)
{
    closedByPeer_ = !ending_;
    endFor(std::move(reason));
    dropEvents();  // who sent a Close takes no more (RFC 6455, section 5.5.1)
    takeOutput();
    state_ = State::closeSent;
    boundEnding();
    wantFlush();
}

void PeerConnection::failed(CloseReason reason)
{
    endFor(std::move(reason));
    dropEvents();
    takeOutput();
    state_ = State::closeSent;
    boundEnding();
    wantFlush();
}

// The first reason counts.
void PeerConnection::endFor(CloseReason reason)
{
    if (!ending_) ending_ = std::make_unique<Ending>(Ending{std::move(reason)});
}

void PeerConnection::boundEnding()
{
    ending_->deadline = std::min(ending_->deadline, shard_.clock().now() + options_.closeTimeout);
}

void PeerConnection::lost()
{
    endFor({CloseCode::abnormal, "Connection lost"});
    abandon();
}

void PeerConnection::close(CloseReason reason)
{
    if (state_ != State::open) return;
    endFor(std::move(reason));
    state_ = State::closing;
    boundEnding();
    wantFlush();
    wake();
}

void PeerConnection::closeWithoutEvents(CloseReason reason)
{
    if (state_ != State::open) return;
    dropEvents();
    close(std::move(reason));
}

void PeerConnection::abandon()
{
    if (state_ == State::over) return;
    state_ = State::over;
    transport_->close();
    wake();
}

void PeerConnection::resumeReading()
{
    --pauses_;
    // The peer was not read meanwhile, so its silence says nothing.
    heard_ = timeOfHearing();
    if (!isPaused()) wake();
}

bool PeerConnection::isPaused() const noexcept
{
    return state_ == State::open && (pauses_ > 0 || answersWait());
}

void PeerConnection::takeOutput()
{
    if (!protocol_.hasOutput()) return;
    outbox_.answers() += protocol_.takeOutput();
    wantFlush();
}

void PeerConnection::checkDeadlines(Clock::time_point now) noexcept
{
    try
    {
        judge(now);
    }
    catch (const std::exception&)
    {
        abandon();  // as in flush()
    }
}

void PeerConnection::judge(Clock::time_point now)
{
    if (ending_ && now >= ending_->deadline) return abandon();
    // Who is not read would not be missed.
    if (state_ == State::open && pauses_ > 0 && transport_->isPeerGone()) return lost();
    if (now >= deadline_)
    {
        clearDeadline();
        handler_.onDeadline();
    }
    if (state_ == State::open && options_.heartbeatInterval.count() > 0) heartbeat(now);
    outbox_.releaseIfEmpty();
}

// A few milliseconds too early matter to an interval of as many.
Clock::time_point PeerConnection::timeOfHearing() const noexcept
{
    using namespace std::chrono_literals;
    const bool isExact = options_.heartbeatInterval > 0ms && options_.heartbeatInterval < 1s;
    return isExact ? shard_.clock().now() : shard_.clock().coarseNow();
}

void PeerConnection::heartbeat(Clock::time_point now)
{
    if (pauses_ > 0) return;  // it is this side that does not read
    if (now - heard_ >= 2 * options_.heartbeatInterval)
    {
        if (options_.role == Role::server)
            return closeWithoutEvents({CloseCode::policyViolation, "Heartbeat timeout"});
        // A client wants another connection, and not the last word on this one.
        endFor({CloseCode::abnormal, "Heartbeat timeout"});
        return abandon();
    }
    if (now - heard_ < options_.heartbeatInterval || std::exchange(pinged_, true)) return;
    ping();
}

Strand<> PeerConnection::waitForWake()
{
    wake_ = std::make_unique<Signal>(shard_.executor());
    co_await wake_->wait();
    wake_.reset();
}

void PeerConnection::wake() noexcept
{
    if (wake_) wake_->notify();
}

}  // namespace strandcast
