#include "line_reader.hpp"

#include <strandcast/error.hpp>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace tool
{

namespace
{

bool isAlwaysReady(int descriptor)
{
    struct ::stat status{};
    // /dev/null is a character device that epoll does not know either.
    return ::fstat(descriptor, &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ||
           (S_ISCHR(status.st_mode) && ::isatty(descriptor) == 0);
}

}  // namespace

LineReader::LineReader(asio::io_context& io)
    : input_(io),
      flags_(::fcntl(STDIN_FILENO, F_GETFL)),
      isFile_(isAlwaysReady(STDIN_FILENO))
{
    if (!isFile_) input_.assign(::dup(STDIN_FILENO));
}

LineReader::~LineReader()
{
    if (flags_ >= 0) ::fcntl(STDIN_FILENO, F_SETFL, flags_);
}

asio::awaitable<std::optional<std::string>> LineReader::next()
{
    for (;;)
    {
        if (auto line = takeLine()) co_return line;
        if (ended_ && buffer_.empty()) co_return std::nullopt;
        if (ended_) co_return std::exchange(buffer_, {});
        if (buffer_.size() > maxLineSize)
            throw strandcast::Error(strandcast::Errc::invalidArgument,
                                    "a line of standard input is longer than 64 MiB");

        std::array<char, 64 * 1024> bytes;
        std::size_t size = 0;
        asio::error_code error;
        if (isFile_)
        {
            const auto read = ::read(STDIN_FILENO, bytes.data(), bytes.size());
            if (read < 0)
                throw std::system_error(errno, std::system_category(), "cannot read standard input");
            size = static_cast<std::size_t>(read);
            if (size == 0) error = asio::error::eof;
        }
        else
        {
            size = co_await input_.async_read_some(asio::buffer(bytes),
                                                   asio::redirect_error(asio::use_awaitable, error));
        }
        if (error == asio::error::operation_aborted) throw strandcast::Error(strandcast::Errc::cancelled);
        if (error && error != asio::error::eof) throw asio::system_error(error, "cannot read standard input");
        ended_ = error == asio::error::eof;
        buffer_.append(bytes.data(), size);
    }
}

std::optional<std::string> LineReader::takeLine()
{
    const auto end = buffer_.find('\n', searched_);
    if (end == std::string::npos)
    {
        searched_ = buffer_.size();
        return std::nullopt;
    }
    auto line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    searched_ = 0;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

}  // namespace tool
