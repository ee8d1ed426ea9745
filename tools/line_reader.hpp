#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace tool
{

/// Reads standard input a line at a time, without keeping the io_context from anything else: a pipe or a
/// terminal is awaited, a file is there at once. Standard input stays as it is: not to block would be a
/// property of the terminal, which the shell has open as well, and would find so if this program were killed.
class LineReader
{
public:
    explicit LineReader(asio::io_context& io);

    /// The next line without its end; nothing at the end of the input. Cancellable.
    /// @throws strandcast::Error for a line over `maxLineSize`.
    [[nodiscard]] asio::awaitable<std::optional<std::string>> next();

    /// As if the input ended here: a next() that waits, and every later one, gives nothing.
    void close();

    /// Whether all that standard input held was given.
    [[nodiscard]] bool hasEnded() const noexcept { return ended_ && taken_ == buffer_.size(); }

private:
    static constexpr std::size_t maxLineSize = 64 * 1024 * 1024;

    [[nodiscard]] asio::awaitable<void> waitReadable();
    void read();
    [[nodiscard]] std::optional<std::string> takeLine();

    asio::posix::stream_descriptor readable_;  // an epoll of standard input; not open for a file
    bool ended_ = false;
    bool isClosed_ = false;
    std::string buffer_;
    std::size_t taken_ = 0;     // how much of the buffer was given
    std::size_t searched_ = 0;  // how much of it is known to hold no further line end
};

}  // namespace tool
