#pragma once

#include <strandcast/strand.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>

namespace strandcast
{

/// What became of one attempt to read or to write.
struct Transfer
{
    enum class Outcome : std::uint8_t
    {
        moved,       ///< `size` bytes, at least one
        wouldBlock,  ///< nothing now; wait, then try again
        end,         ///< the peer has ended its direction (reading only)
        failed,      ///< the stream is of no more use; `error` says why
    };

    Outcome outcome = Outcome::failed;
    std::size_t size = 0;
    std::error_code error = {};

    [[nodiscard]] static Transfer moved(std::size_t size) { return {Outcome::moved, size, {}}; }
    [[nodiscard]] static Transfer wouldBlock() { return {Outcome::wouldBlock, 0, {}}; }
    [[nodiscard]] static Transfer end() { return {Outcome::end, 0, {}}; }
    [[nodiscard]] static Transfer failed(std::error_code error) { return {Outcome::failed, 0, error}; }
};

/// Who waits for a stream without a coroutine of the stream's, as Transport::notifyReadable() says. Each wait
/// ends with one call of resume() or drop(), after which both the waiter and the stream may be gone.
class Waiter
{
public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// The wait is over: the stream is worth another attempt, or is closed.
    virtual void resume() = 0;
    /// The io_context goes, and the wait never ends.
    virtual void drop() noexcept = 0;
    /// It is to be resumed in a later turn; `isAborted` where the stream was closed, or the wait cancelled.
    virtual void decided(bool isAborted) noexcept { static_cast<void>(isAborted); }

    Waiter* next = nullptr;  ///< the stream's, until the wait ends: for its list of those who wait

protected:
    ~Waiter() = default;
};

/// A stream of bytes to one peer, by readiness: attempts return at once, and only waiting is awaited, so that
/// an idle stream holds no buffer. Used on its shard's thread alone.
///
/// A reader repeats tryRead() until it would block, and only then waits: what came before is not announced
/// again. A transport whose reading needs the peer to take bytes (TLS), or the other way round, honours that
/// in its waits.
class Transport
{
public:
    virtual ~Transport() = default;

    /// Reads into `buffer`, which is not empty.
    [[nodiscard]] virtual Transfer tryRead(std::span<std::byte> buffer) = 0;

    /// Writes from the front of `buffers`, as one, as much as the stream takes now. Empty buffers are
    /// skipped; not all are empty. After an attempt that would block, the next one presents the bytes of its
    /// first buffer first again; what stands behind them may be other.
    [[nodiscard]] virtual Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) = 0;

    /// Ends when tryRead() is worth another attempt. One waits at a time.
    /// @throws asio::system_error with operation_aborted when cancelled, or when the stream is closed.
    [[nodiscard]] virtual Strand<> waitReadable() = 0;

    /// The same for who sleeps most of its time and is to cost little then, in place of a waitReadable():
    /// `waiter`, which lives until then, is resumed in a later turn, once, and dropped instead where that
    /// does not come. close() ends the wait, in a later turn as well.
    /// @returns false where the stream cannot do it, or not now: then nothing was begun, and waitReadable()
    /// is for this wait.
    [[nodiscard]] virtual bool notifyReadable(Waiter& waiter)
    {
        static_cast<void>(waiter);
        return false;
    }

    /// waitReadable() for tryWrite(); beside one for reading, if need be.
    [[nodiscard]] virtual Strand<> waitWritable() = 0;

    /// Whether the peer has ended its direction, or the stream is broken, behind whatever there is still to
    /// read: for who does not read now, and asks now and then.
    [[nodiscard]] virtual bool isPeerGone() = 0;

    /// Ends this side's direction: the peer reads the end after what was written. Reading goes on.
    virtual void shutdownWrite() noexcept = 0;

    /// Ends both directions now and every wait on them. Harmless when repeated.
    virtual void close() noexcept = 0;

    /// The peer's address for people, such as "192.0.2.7:51234".
    [[nodiscard]] virtual std::string peerAddress() const = 0;
};

}  // namespace strandcast
