#pragma once

#include <strandcast/clock.hpp>
#include <strandcast/close_reason.hpp>

#include <cstdint>
#include <exception>
#include <optional>

namespace strandcast
{

/// What a connect() begins: connections, one after the other, until disconnect() or an end for good. Shared
/// by those who wait for it.
struct ClientLife
{
    explicit ClientLife(std::uint64_t call) : number(call) {}

    const std::uint64_t number;    ///< of the connect() that began it, counted from 1
    bool isEstablished = false;    ///< its first connection was made: connect() has done its work
    bool isCalledOff = false;      ///< by disconnect(), by cancelling connect(), or by the handle's end
    bool isEnding = false;         ///< there is no connection any more, and will be none
    bool endsStreams = false;      ///< nobody who listens has anything to wait for behind it
    bool hasEnded = false;         ///< all of its strands have
    std::exception_ptr failure{};  ///< what connect() ends with where it ended too early
};

/// How far the attempt to make a connection has come, and how the connection ended.
struct ConnectionAttempt
{
    Clock::time_point deadline = Clock::time_point::max();  ///< for all up to the server's yes to the token
    std::exception_ptr failure{};                           ///< why there is no connection
    CloseReason reason{};
    std::optional<Clock::time_point> readySince{};
    bool isClosedByServer = false;
    bool isTokenRefused = false;
    bool isNegotiated = false;  ///< the server has said which versions it speaks
    bool isAnnounced = false;   ///< streams have been told of it, and will be of its end
};

}  // namespace strandcast
