#include "connection/peer_connection.hpp"
#include "coro/lean_strand.hpp"
#include "coro/sleep.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <exception>

// How a connection's reader takes what comes: in a LeanStrand, or in a Strand.

namespace strandcast
{

namespace
{

// A peer that sends without pause must not keep the others of its shard waiting.
constexpr int maxReadsPerTurn = 16;

}  // namespace

PeerConnection::Turn PeerConnection::readTurn()
{
    for (int reads = 0; reads < maxReadsPerTurn; ++reads)
    {
        if (protocol_.hasRetained()) received({});
        if (state_ == State::over || isPaused()) return Turn::stop;
        const auto buffer = shard_.readBuffer();
        const auto transfer = transport_->tryRead(buffer);
        switch (transfer.outcome)
        {
        case Transfer::Outcome::moved: received(buffer.first(transfer.size)); break;
        case Transfer::Outcome::wouldBlock: return Turn::idle;
        case Transfer::Outcome::end:
            // Who has ended its direction may still read: above all the answer to a Close right before it.
            if (!writing_) static_cast<void>(writeAll());
            lost();
            return Turn::stop;
        case Transfer::Outcome::failed: lost(); return Turn::stop;
        }
    }
    return Turn::more;
}

bool PeerConnection::Reading::await_suspend(std::coroutine_handle<> frame)
{
    const auto turn = connection_.readTurn();
    if (connection_.isOver()) return false;
    if (turn == Turn::stop) return connection_.sleep(frame);
    const auto executor = connection_.shard_.executor();
    auto& transport = *connection_.transport_;
    if (turn == Turn::idle && transport.notifyReadable(*this))
    {
        frame_ = frame;
        return true;
    }
    return SleepingFrame::sleep(
        frame,
        [&](auto ended)
        {
            if (turn == Turn::more)
                asio::post(executor, ended);
            else
                asio::co_spawn(executor, transport.waitReadable(),
                               [&connection = connection_, ended](const std::exception_ptr& failure)
                               {
                                   // Who cannot wait would not hear of its end either.
                                   if (failure) connection.abandon();
                                   ended();
                               });
        });
}

bool PeerConnection::Idling::begin()
{
    isWaiting_ = connection_.transport_->notifyReadable(*this);
    return isWaiting_;
}

void PeerConnection::Idling::resume()
{
    try
    {
        if (connection_.readTurn() == Turn::idle && connection_.transport_->notifyReadable(*this)) return;
    }
    catch (...)
    {
        failure_ = std::current_exception();
    }
    isWaiting_ = false;
    ended_.notify();
}

Strand<> PeerConnection::readAll(Idling& idling)
{
    while (state_ != State::over)
    {
        switch (readTurn())
        {
        case Turn::idle:
            if (!idling.begin()) co_await transport_->waitReadable();
            while (idling.isWaiting()) co_await idling.untilEnded();
            idling.throwFailure();
            break;
        case Turn::more: co_await yieldTurn(); break;
        case Turn::stop:
            if (state_ != State::over) co_await waitForWake();
            break;
        }
    }
}

}  // namespace strandcast
