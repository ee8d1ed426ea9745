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
/// terminal is awaited, a file is there at once. The terminal gets back the mode that it had.
class LineReader
{
public:
    explicit LineReader(asio::io_context& io);
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;
    ~LineReader();

    /// The next line without its end; nothing at the end of the input. Cancellable.
    /// @throws strandcast::Error for a line over `maxLineSize`.
    [[nodiscard]] asio::awaitable<std::optional<std::string>> next();

private:
    static constexpr std::size_t maxLineSize = 64 * 1024 * 1024;

    [[nodiscard]] std::optional<std::string> takeLine();

    asio::posix::stream_descriptor input_;
    int flags_;    // of the open file, which other processes share
    bool isFile_;  // epoll knows no files
    bool ended_ = false;
    std::string buffer_;
    std::size_t searched_ = 0;  // how much of the buffer is known to hold no line end
};

}  // namespace tool
