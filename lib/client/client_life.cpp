#include "client/client_core.hpp"
#include "client/close_text.hpp"
#include "coro/deadline.hpp"
#include "coro/without_cancellation.hpp"

#include <strandcast/error.hpp>

#include <asio/dispatch.hpp>
#include <asio/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

// From connect() to the end, over any number of connections.

namespace strandcast
{

namespace
{

constexpr std::chrono::milliseconds leastHold{1'000};

}  // namespace

Strand<> ClientCore::connect(std::shared_ptr<ClientCore> core)
{
    const auto life = co_await begin(core);
    bool cancelled = false;
    try
    {
        while (!life->isEstablished && !life->hasEnded) co_await core->changed_.wait();
    }
    catch (const asio::system_error&)
    {
        cancelled = true;
    }
    if (cancelled)
    {
        core->callOff(*life);
        co_await withoutCancellation();
        co_await insistOnEnd(core, life);
        throw Error(Errc::cancelled, "connecting was cancelled");
    }
    // It may have been lost again in the turn in which it was made.
    if (life->hasEnded) std::rethrow_exception(life->failure);
}

// Waits for the end of a life that was called off, and begins another.
Strand<std::shared_ptr<ClientLife>> ClientCore::begin(std::shared_ptr<ClientCore> core)
{
    core->requireOwner();
    const auto number = ++core->lastConnect_;
    while (core->life_)
    {
        if (!core->life_->isCalledOff && !core->life_->isEnding)
            throw Error(Errc::alreadyRunning, "the client is connected, or connecting, already");
        co_await core->changed_.wait();
        core->requireOwner();
        if (number <= core->calledOff_) throw Error(Errc::cancelled, "connecting was ended by disconnect()");
    }
    core->life_ = std::make_shared<ClientLife>(number);
    const auto life = core->life_;
    core->lives_.spawn(live(core, life));
    co_return life;
}

Strand<> ClientCore::disconnect(std::shared_ptr<ClientCore> core)
{
    core->requireOwner();
    core->calledOff_ = core->lastConnect_;
    const auto life = core->life_;
    if (!life) co_return core->sinks_.endAll();
    life->endsStreams = true;
    core->callOff(*life);
    core->changed_.notify();  // those connect() calls that wait for an earlier end
    bool insisted = false;
    try
    {
        co_await awaitEnd(core, life);
    }
    catch (const asio::system_error&)
    {
        insisted = true;
    }
    if (!insisted) co_return;
    co_await withoutCancellation();
    co_await insistOnEnd(core, life);
    throw Error(Errc::cancelled);
}

Strand<> ClientCore::awaitEnd(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life)
{
    while (!life->hasEnded) co_await core->changed_.wait();
}

// Awaited without cancellation, for who was cancelled cannot await anything else.
Strand<> ClientCore::insistOnEnd(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life)
{
    if (core->life_ == life) core->lives_.cancel();
    co_await awaitEnd(core, life);
}

// Asks a life to end: with a goodbye where there is somebody to say it to.
void ClientCore::callOff(ClientLife& life)
{
    if (life.hasEnded || std::exchange(life.isCalledOff, true)) return;
    if (connection_)
        connection_->close({CloseCode::normal, {}});
    else
        attempts_.cancel();
    line_.wakeAll();
    changed_.notify();
}

Strand<> ClientCore::live(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life)
{
    core->housekeeping_.spawn(Shard::sweep(core->shard_));
    try
    {
        co_await keepConnected(core, life);
    }
    catch (const asio::system_error&)
    {
        // Somebody insists on the end.
    }
    co_await withoutCancellation();
    core->attempts_.cancel();
    co_await core->attempts_.wait();
    core->housekeeping_.cancel();
    co_await core->housekeeping_.wait();
    core->bury(*life);
}

Strand<> ClientCore::keepConnected(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life)
{
    const auto& options = core->options_;
    Backoff backoff({.initial = options.reconnectInterval,
                     .factor = options.reconnectFactor,
                     .max = options.reconnectMaxInterval,
                     .attempts = options.reconnectMaxAttempts},
                    core->shard_->random());
    for (;;)
    {
        core->attempts_.spawn(attempt(core));
        co_await core->attempts_.wait();
        if (life->isCalledOff || !life->isEstablished) co_return;
        core->reportFailedAttempt();
        if (!core->mayTryAgain()) co_return core->reportFinalEnd();
        if (core->hasHeld()) backoff.reset();
        const auto delay = backoff.next();
        if (!delay)
            co_return core->report(
                Errc::connectFailed,
                fmt::format("not connecting again: {} attempts failed", backoff.attempts()));
        core->sinks_.push(Reconnecting{backoff.attempts(), *delay});
        co_await pause(core, life, *delay);
        if (life->isCalledOff) co_return;
    }
}

// A server that lets everybody in and drops them at once is not tried in a circle without end.
bool ClientCore::hasHeld() const
{
    if (!attempt_.readySince) return false;
    return clock().now() - *attempt_.readySince >=
           std::max(boundedInterval(options_.reconnectInterval), leastHold);
}

Strand<> ClientCore::pause(std::shared_ptr<ClientCore> core, std::shared_ptr<ClientLife> life,
                           std::chrono::milliseconds delay)
{
    const auto end = core->clock().now() + delay;
    while (!life->isCalledOff && core->clock().now() < end)
        co_await core->changed_.waitUntil(core->clock(), end);
}

void ClientCore::reportFailedAttempt()
{
    if (attempt_.readySince || !attempt_.failure) return;
    try
    {
        std::rethrow_exception(attempt_.failure);
    }
    catch (const Error& error)
    {
        report(error.errc(), error.what());
    }
    catch (const std::exception& error)
    {
        report(Errc::connectFailed, error.what());
    }
}

// What is final and what is tried again: protocol.md, "A connection's life".
bool ClientCore::mayTryAgain() const
{
    return options_.reconnect && !attempt_.isTokenRefused && mayReconnect(attempt_.reason.code);
}

void ClientCore::reportFinalEnd()
{
    if (!options_.reconnect) return;
    if (attempt_.isTokenRefused)
        report(Errc::refused, "not connecting again: the server refused the token");
    else
        report(Errc::disconnected, "not connecting again: " + describe(attempt_.reason));
}

void ClientCore::bury(ClientLife& life)
{
    life.failure = whyEnded(life);
    life.hasEnded = true;
    life_.reset();
    pending_.rejectAll(endedError());
    line_.wakeAll();
    if (life.isEstablished || life.endsStreams)
    {
        sinks_.endAll();
        subscriptions_.clear();
    }
    changed_.notify();
}

std::exception_ptr ClientCore::whyEnded(const ClientLife& life) const
{
    if (gone_) return std::make_exception_ptr(endedError());
    if (life.isCalledOff)
        return std::make_exception_ptr(Error(Errc::cancelled, "connecting was ended by disconnect()"));
    if (!life.isEstablished && attempt_.failure) return attempt_.failure;
    return std::make_exception_ptr(endedError());
}

void ClientCore::abandon(std::shared_ptr<ClientCore> core)
{
    core->gone_ = true;  // what was made of the handle and is awaited only now finds nobody
    const auto executor = core->executor_;
    asio::dispatch(executor,
                   [core = std::move(core)]
                   {
                       core->pending_.rejectAll(core->endedError());
                       core->line_.wakeAll();
                       core->sinks_.endAll();
                       core->lives_.cancel();
                       core->attempts_.cancel();
                       core->attendants_.cancel();
                       core->shard_->tasks().cancel();
                       core->housekeeping_.cancel();
                       core->changed_.notify();
                   });
}

}  // namespace strandcast
