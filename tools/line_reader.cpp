#include "line_reader.hpp"

#include <strandcast/error.hpp>

#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tool
{

namespace
{

[[noreturn]] void throwErrno(const char* what)
{
    throw std::system_error(errno, std::system_category(), what);
}

/// A file that becomes readable when standard input does. -1 where that always is, as epoll says of files.
int openReadiness()
{
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throwErrno("cannot wait for standard input");
    ::epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    if (::epoll_ctl(descriptor, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

}  // namespace

LineReader::LineReader(asio::io_context& io) : readable_(io)
{
    if (const int descriptor = openReadiness(); descriptor >= 0) readable_.assign(descriptor);
}

asio::awaitable<std::optional<std::string>> LineReader::next()
{
    for (;;)
    {
        if (isClosed_) co_return std::nullopt;
        if (auto line = takeLine()) co_return line;
        if (hasEnded()) co_return std::nullopt;
        if (ended_) co_return std::exchange(buffer_, {});
        if (buffer_.size() > maxLineSize)
            throw strandcast::Error(strandcast::Errc::invalidArgument,
                                    "a line of standard input is longer than 64 MiB");
        if (readable_.is_open()) co_await waitReadable();
        if (!isClosed_) read();
    }
}

void LineReader::close()
{
    isClosed_ = true;
    asio::error_code ignored;
    if (readable_.is_open()) readable_.cancel(ignored);
}

asio::awaitable<void> LineReader::waitReadable()
{
    asio::error_code error;
    co_await readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                                  asio::redirect_error(asio::use_awaitable, error));
    if (isClosed_) co_return;
    if (error == asio::error::operation_aborted) throw strandcast::Error(strandcast::Errc::cancelled);
    if (error) throw std::system_error(error, "cannot wait for standard input");
}

void LineReader::read()
{
    std::array<char, 64 * 1024> bytes;
    const auto size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size > 0)
        buffer_.append(bytes.data(), static_cast<std::size_t>(size));
    else if (size == 0)
        ended_ = true;
    // Another program that reads the same pipe may have been quicker, and one that shares it may have made
    // it one that does not block.
    else if (errno != EINTR && errno != EAGAIN)
        throwErrno("cannot read standard input");
}

std::optional<std::string> LineReader::takeLine()
{
    const auto end = buffer_.find('\n', searched_);
    if (end == std::string::npos)
    {
        buffer_.erase(0, std::exchange(taken_, 0));
        searched_ = buffer_.size();
        return std::nullopt;
    }
    auto line = buffer_.substr(taken_, end - taken_);
    taken_ = searched_ = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

}  // namespace tool
