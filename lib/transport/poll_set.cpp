#include "transport/poll_set.hpp"

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

/// One wait, whose completion resumes a coroutine.
class PollSet::Wait
{
public:
    virtual ~Wait() = default;

    /// Frees itself first.
    virtual void complete(std::unique_ptr<Wait> self) = 0;
    /// Nobody cancels it any more.
    virtual void forgetCancellation() noexcept = 0;

    std::unique_ptr<Wait> next;  // of those that are overdue
    bool isAborted = false;
};

namespace
{

// What a wait on a closed socket ends with; Asio's own would be bad_descriptor.
Strand<> alreadyClosed()
{
    throw asio::system_error(asio::error::operation_aborted);
    co_return;
}

constexpr std::uint32_t endings = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

struct PollSet::Socket::Initiate
{
    Socket& socket;
    std::uint32_t event;

    template <typename Handler>
    class WaitOf final : public Wait
    {
    public:
        explicit WaitOf(Handler handler) : handler_(std::move(handler)) {}

        void complete(std::unique_ptr<Wait> self) override
        {
            auto handler = std::move(handler_);
            const auto error =
                isAborted ? asio::error_code(asio::error::operation_aborted) : asio::error_code();
            self.reset();
            std::move(handler)(error);
        }

        void forgetCancellation() noexcept override
        {
            if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected())
                slot.clear();
        }

    private:
        Handler handler_;
    };

    template <typename Handler>
    void operator()(Handler handler) const
    {
        auto slot = asio::get_associated_cancellation_slot(handler);
        socket.set_.begin(socket, event, std::make_unique<WaitOf<Handler>>(std::move(handler)));
        if (!slot.is_connected()) return;
        slot.assign(
            [waiting = &socket, what = event](asio::cancellation_type type)
            {
                // This itself goes with the slot's content; nothing of it is touched after.
                if (type != asio::cancellation_type::none)
                    waiting->set_.completeLater(waiting->waitFor(what), true);
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
    announced_ &= ~std::uint32_t{EPOLLIN};
    // Behind the last bytes comes the end, which is announced once.
    drained_ = !ended_;
}

std::unique_ptr<PollSet::Wait>& PollSet::Socket::waitFor(std::uint32_t event)
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

void PollSet::Socket::announce(std::uint32_t events)
{
    // Whatever ends the stream, both will see it in their next attempt.
    if (events & endings)
    {
        ended_ = true;
        events |= EPOLLIN | ((events & (EPOLLHUP | EPOLLERR)) ? std::uint32_t{EPOLLOUT} : 0U);
    }
    if (events & EPOLLIN) drained_ = false;
    announced_ |= events & (EPOLLIN | EPOLLOUT);
    // The first may end the socket's owner, and with it this: what the second would be is taken before.
    auto writer = (announced_ & EPOLLOUT) ? std::move(writer_) : nullptr;
    auto reader = (announced_ & EPOLLIN) ? std::move(reader_) : nullptr;
    if (writer) announced_ &= ~std::uint32_t{EPOLLOUT};
    if (reader) announced_ &= ~std::uint32_t{EPOLLIN};
    auto& set = set_;
    if (writer && reader) set.completeLater(writer, false);
    if (reader) set.complete(std::move(reader));
    if (writer) set.complete(std::move(writer));
}

void PollSet::Socket::close() noexcept
{
    if (descriptor_ < 0) return;
    ::close(std::exchange(descriptor_, -1));  // which takes it out of the set
    if (reader_) set_.completeLater(reader_, true);
    if (writer_) set_.completeLater(writer_, true);
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
    for (auto* socket = sockets_; socket; socket = socket->next_)
    {
        const auto reader = std::move(socket->reader_);
        const auto writer = std::move(socket->writer_);
    }
    while (const auto wait = std::move(overdue_)) overdue_ = std::move(wait->next);
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

void PollSet::begin(Socket& socket, std::uint32_t event, std::unique_ptr<Wait> wait)
{
    if (!armed_) arm();
    ++waits_;
    auto& place = socket.waitFor(event);
    place = std::move(wait);
    if (!(socket.announced_ & event)) return;
    socket.announced_ &= ~event;
    completeLater(place, false);
}

void PollSet::complete(std::unique_ptr<Wait> wait)
{
    --waits_;
    auto& completed = *wait;
    completed.complete(std::move(wait));
}

// Needs no memory: an end must always be possible.
void PollSet::completeLater(std::unique_ptr<Wait>& wait, bool isAborted) noexcept
{
    if (!wait) return;
    wait->forgetCancellation();
    wait->isAborted = isAborted;
    wait->next = std::move(overdue_);
    overdue_ = std::move(wait);
    asio::error_code ignored;
    descriptor_.cancel(ignored);
}

void PollSet::completeOverdue()
{
    // Those that join meanwhile wait for the next turn. The oldest go first.
    std::unique_ptr<Wait> oldestFirst;
    while (auto wait = std::move(overdue_))
    {
        overdue_ = std::move(wait->next);
        wait->next = std::move(oldestFirst);
        oldestFirst = std::move(wait);
    }
    while (auto wait = std::move(oldestFirst))
    {
        oldestFirst = std::move(wait->next);
        complete(std::move(wait));
    }
}

void PollSet::arm()
{
    descriptor_.async_wait(decltype(descriptor_)::wait_read, [this](asio::error_code) { take(); });
    armed_ = true;
}

void PollSet::take()
{
    if (!descriptor_.is_open()) return;
    completeOverdue();
    takeEvents();
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
    const int count =
        ::epoll_wait(descriptor_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
    count_ = static_cast<std::size_t>(std::max(count, 0));
    for (next_ = 0; next_ < count_;)
    {
        const auto& event = events_[next_++];
        if (auto* const socket = static_cast<Socket*>(event.data.ptr)) socket->announce(event.events);
    }
}

}  // namespace strandcast
