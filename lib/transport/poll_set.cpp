#include "transport/poll_set.hpp"

#include "transport/already_closed.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace strandcast
{

asio::execution_context::id PollSet::id;

namespace
{

// A list of waiters, the one that was pushed last in front.
void push(Waiter*& list, Waiter& waiter) noexcept
{
    waiter.next = std::exchange(list, &waiter);
}

Waiter* pop(Waiter*& list) noexcept
{
    return std::exchange(list, list->next);
}

constexpr std::uint32_t endings = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

struct PollSet::Socket::Initiate
{
    Socket& socket;
    std::uint32_t event;

    /// One wait of a coroutine of Asio's, which frees itself.
    template <typename Handler>
    class Wait final : public Waiter
    {
    public:
        explicit Wait(Handler handler) : handler_(std::move(handler)) {}

        void resume() override
        {
            auto handler = std::move(handler_);
            const auto error =
                isAborted_ ? asio::error_code(asio::error::operation_aborted) : asio::error_code();
            delete this;
            std::move(handler)(error);
        }

        void drop() noexcept override { delete this; }

        // Nobody cancels it any more.
        void decided(bool isAborted) noexcept override
        {
            isAborted_ = isAborted;
            if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected())
                slot.clear();
        }

    private:
        Handler handler_;
        bool isAborted_ = false;
    };

    template <typename Handler>
    void operator()(Handler handler) const
    {
        auto slot = asio::get_associated_cancellation_slot(handler);
        socket.set_.begin(socket, event, *new Wait<Handler>(std::move(handler)));
        if (!slot.is_connected()) return;
        slot.assign(
            [waiting = &socket, what = event](asio::cancellation_type type)
            {
                // This itself goes with the slot's content; nothing of it is touched after.
                if (type != asio::cancellation_type::none)
                    waiting->set_.completeLater(waiting->waiterFor(what), true);
            });
    }
};

PollSet::Socket::Socket(PollSet& set, int descriptor) : set_(set), descriptor_(descriptor)
{
    set_.add(*this);
}

PollSet::Socket::~Socket()
{
    close();
    set_.remove(*this);
}

void PollSet::Socket::noteDrained() noexcept
{
    forget(EPOLLIN);
    // Behind the last bytes comes the end, which is announced once.
    drained_ = !ended_;
}

Waiter*& PollSet::Socket::waiterFor(std::uint32_t event)
{
    return event == EPOLLIN ? reader_ : writer_;
}

Strand<> PollSet::Socket::waitReadable()
{
    return wait(EPOLLIN);
}

Strand<> PollSet::Socket::waitWritable()
{
    return wait(EPOLLOUT);
}

// No coroutine of its own: a frame for each idle client would be half of what it costs.
Strand<> PollSet::Socket::wait(std::uint32_t event)
{
    if (descriptor_ < 0) return alreadyClosed();
    return asio::async_initiate<const asio::use_awaitable_t<ShardExecutor>, void(asio::error_code)>(
        Initiate{*this, event}, useStrand);
}

bool PollSet::Socket::notifyReadable(Waiter& waiter)
{
    if (descriptor_ < 0) return false;
    set_.begin(*this, EPOLLIN, waiter);
    return true;
}

void PollSet::Socket::announce(std::uint32_t events)
{
    // Whatever ends the stream, both will see it in their next attempt.
    if (events & endings)
    {
        ended_ = true;
        events |= EPOLLIN | ((events & (EPOLLHUP | EPOLLERR)) ? std::uint32_t{EPOLLOUT} : 0U);
    }
    if (events & EPOLLIN) drained_ = false;
    static_assert(EPOLLIN <= UINT8_MAX && EPOLLOUT <= UINT8_MAX);
    announced_ = static_cast<std::uint8_t>(announced_ | (events & (EPOLLIN | EPOLLOUT)));
    // The first may end the socket's owner, and with it this: what the second would be is taken before.
    auto* writer = (announced_ & EPOLLOUT) ? std::exchange(writer_, nullptr) : nullptr;
    auto* const reader = (announced_ & EPOLLIN) ? std::exchange(reader_, nullptr) : nullptr;
    if (writer) forget(EPOLLOUT);
    if (reader) forget(EPOLLIN);
    auto& set = set_;
    if (writer && reader) set.completeLater(writer, false);
    if (reader) set.complete(reader);
    if (writer) set.complete(writer);
}

void PollSet::Socket::close() noexcept
{
    if (descriptor_ < 0) return;
    ::close(std::exchange(descriptor_, -1));  // which takes it out of the set
    set_.completeLater(reader_, true);
    set_.completeLater(writer_, true);
}

PollSet& PollSet::of(ShardExecutor executor)
{
    return asio::use_service<PollSet>(executor.context());
}

PollSet::PollSet(asio::io_context& context)
    : asio::execution_context::service(context),
      executor_(context.get_executor()),
      descriptor_(executor_)
{
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
    asio::error_code error;
    descriptor_.assign(set, error);
    if (!error) return;
    ::close(set);
    throw std::system_error(error, "epoll_create1");
}

PollSet::~PollSet() = default;

// The io_context goes: what waits is let go of, and its coroutines unwind with what else is posted.
void PollSet::shutdown()
{
    asio::error_code ignored;
    descriptor_.close(ignored);
    // All are taken out first: with a waiter its socket may go.
    for (auto* socket = sockets_; socket; socket = socket->next_)
        for (auto** const waiter : {&socket->reader_, &socket->writer_})
            if (*waiter) push(overdue_, *std::exchange(*waiter, nullptr));
    while (overdue_) pop(overdue_)->drop();
    while (due_) pop(due_)->drop();
}

void PollSet::add(Socket& socket)
{
    ::epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &socket;
    if (::epoll_ctl(descriptor_.native_handle(), EPOLL_CTL_ADD, socket.descriptor_, &event) != 0)
    {
        const std::system_error failure(errno, std::system_category(), "epoll_ctl");
        ::close(socket.descriptor_);
        throw failure;
    }
    socket.next_ = sockets_;
    if (sockets_) sockets_->previous_ = &socket;
    sockets_ = &socket;
}

void PollSet::remove(Socket& socket) noexcept
{
    (socket.previous_ ? socket.previous_->next_ : sockets_) = socket.next_;
    if (socket.next_) socket.next_->previous_ = socket.previous_;
    for (std::size_t index = next_; index < count_; ++index)
        if (events_[index].data.ptr == &socket) events_[index].data.ptr = nullptr;
}

void PollSet::begin(Socket& socket, std::uint32_t event, Waiter& waiter)
{
    if (!armed_) arm();
    ++waits_;
    auto*& place = socket.waiterFor(event);
    place = &waiter;
    if (!(socket.announced_ & event)) return;
    socket.forget(event);
    completeLater(place, false);
}

void PollSet::complete(Waiter* waiter)
{
    --waits_;
    waiter->resume();
}

// Needs no memory: an end must always be possible.
void PollSet::completeLater(Waiter*& waiter, bool isAborted) noexcept
{
    if (!waiter) return;
    auto* const decided = std::exchange(waiter, nullptr);
    decided->decided(isAborted);
    push(overdue_, *decided);
    asio::error_code ignored;
    descriptor_.cancel(ignored);
}

void PollSet::completeOverdue()
{
    // Those that join meanwhile wait for the next turn. The oldest go first.
    if (!due_)
        while (overdue_) push(due_, *pop(overdue_));
    while (due_) complete(pop(due_));
}

void PollSet::arm()
{
    descriptor_.async_wait(decltype(descriptor_)::wait_read, [this](asio::error_code) { take(); });
    armed_ = true;
}

void PollSet::take()
{
    if (!descriptor_.is_open()) return;
    try
    {
        completeOverdue();
        takeEvents();
    }
    catch (...)
    {
        // A strand's failure, which goes to who runs the io_context; what is left has its turn all the same.
        asio::post(executor_, [this] { take(); });
        throw;
    }
    const bool wasBusy = std::exchange(count_, 0) > 0;
    armed_ = false;
    if (waits_ == 0) return;
    if (!wasBusy && !overdue_) return arm();
    // Behind what these events have posted, above all the flush; a look costs less than arming again.
    asio::post(executor_, [this] { take(); });
    armed_ = true;
}

void PollSet::takeEvents()
{
    announceRest();
    const int count =
        ::epoll_wait(descriptor_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
    count_ = static_cast<std::size_t>(std::max(count, 0));
    next_ = 0;
    announceRest();
}

void PollSet::announceRest()
{
    while (next_ < count_)
    {
        const auto& event = events_[next_++];
        if (auto* const socket = static_cast<Socket*>(event.data.ptr)) socket->announce(event.events);
    }
}

}  // namespace strandcast
