#include "line_writer.hpp"

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tool
{

namespace
{

constexpr const char* cannotWrite = "cannot write to standard output";

/// Standard output once more, as a file of its own: not to block is a property that others who have the same
/// pipe or terminal open would get as well, standard error among them. -1 where there is no need, or no way.
int openAgain()
{
    struct ::stat status{};
    if (::fstat(STDOUT_FILENO, &status) != 0) return -1;
    if (!S_ISFIFO(status.st_mode) && ::isatty(STDOUT_FILENO) == 0) return -1;
    return ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

asio::error_code writeAtOnce(std::string_view text)
{
    while (!text.empty())
    {
        const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            return {errno, asio::error::get_system_category()};
    }
    return {};
}

}  // namespace

LineWriter::LineWriter(asio::io_context& io) : output_(io)
{
    if (const int descriptor = openAgain(); descriptor >= 0) output_.assign(descriptor);
}

asio::awaitable<bool> LineWriter::write(std::string_view text)
{
    asio::error_code error;
    if (output_.is_open())
        co_await asio::async_write(output_, asio::buffer(text.data(), text.size()),
                                   asio::redirect_error(asio::use_awaitable, error));
    else
        error = writeAtOnce(text);
    if (error == asio::error::broken_pipe) co_return false;
    if (error) throw std::system_error(error, cannotWrite);
    co_return true;
}

void LineWriter::onReaderGone(std::function<void()> hook)
{
    if (!output_.is_open()) return;
    output_.async_wait(asio::posix::stream_descriptor::wait_error,
                       [hook = std::move(hook)](const asio::error_code& error)
                       {
                           if (!error) hook();
                       });
}

}  // namespace tool
