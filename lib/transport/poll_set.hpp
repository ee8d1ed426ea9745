#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <sys/epoll.h>

namespace strandcast
{

/// The sockets of one shard that are waited on: an epoll set of our own, edge-triggered, behind one
/// descriptor of the io_context. Asio itself would arm each wait with a system call and keep several hundred
/// bytes for each socket. Part of the io_context, made with the first socket; used on its thread alone.
class PollSet final : public asio::execution_context::service
{
public:
    /// One socket in the set, for as long as it lives; it closes the socket.
    class Socket
    {
    public:
        /// Takes over `descriptor`, which does not block.
        /// @throws std::system_error where the set cannot take it; it is closed then.
        Socket(PollSet& set, int descriptor);
        Socket(const Socket&) = delete;
        Socket& operator=(const Socket&) = delete;
        ~Socket();

        /// -1 once closed.
        [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

        /// Whether reading is worth a system call: not after noteDrained(), until something has come.
        [[nodiscard]] bool mayBeReadable() const noexcept { return !drained_; }
        /// Reading took all there was.
        void noteDrained() noexcept;

        /// Writing would have blocked.
        void noteFull() noexcept { forget(EPOLLOUT); }

        /// End when something has come, or gone, since noteDrained() or noteFull().
        /// @throws asio::system_error with operation_aborted when cancelled, or when the socket is closed.
        [[nodiscard]] Strand<> waitReadable();
        [[nodiscard]] Strand<> waitWritable();
        /// Transport::notifyReadable().
        [[nodiscard]] bool notifyReadable(Waiter& waiter);

        /// Ends both waits. Harmless when repeated.
        void close() noexcept;

    private:
        friend class PollSet;
        struct Initiate;

        [[nodiscard]] Strand<> wait(std::uint32_t event);
        void forget(std::uint32_t event) noexcept
        {
            announced_ = static_cast<std::uint8_t>(announced_ & ~event);
        }
        [[nodiscard]] Waiter*& waiterFor(std::uint32_t event);
        void announce(std::uint32_t events);

        PollSet& set_;
        Socket* previous_ = nullptr;  // in the set
        Socket* next_ = nullptr;
        Waiter* reader_ = nullptr;
        Waiter* writer_ = nullptr;
        int descriptor_;
        std::uint8_t announced_ = 0;  // has come while nobody waited: EPOLLIN, EPOLLOUT
        bool drained_ = false;
        bool ended_ = false;  // the peer has, or both
    };

    using key_type = PollSet;
    static asio::execution_context::id id;

    [[nodiscard]] static PollSet& of(ShardExecutor executor);

    explicit PollSet(asio::io_context& context);
    PollSet(const PollSet&) = delete;
    PollSet& operator=(const PollSet&) = delete;
    ~PollSet() override;

private:
    void shutdown() override;

    void add(Socket& socket);
    void remove(Socket& socket) noexcept;
    void begin(Socket& socket, std::uint32_t event, Waiter& waiter);
    void complete(Waiter* waiter);
    void completeLater(Waiter*& waiter, bool isAborted) noexcept;
    void completeOverdue();
    void arm();
    void take();
    void takeEvents();
    void announceRest();

    ShardExecutor executor_;
    asio::posix::basic_stream_descriptor<ShardExecutor> descriptor_;
    std::array<::epoll_event, 256> events_;
    std::size_t next_ = 0;   // of them
    std::size_t count_ = 0;  // of them
    std::size_t waits_ = 0;
    Socket* sockets_ = nullptr;
    Waiter* overdue_ = nullptr;  // to be completed in a later turn, the newest first
    Waiter* due_ = nullptr;      // in this one, the oldest first
    bool armed_ = false;         // a later turn will look
};

}  // namespace strandcast
