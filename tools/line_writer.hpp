#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <functional>
#include <string_view>

namespace tool
{

/// Writes to standard output without keeping the io_context from anything else: a pipe or a terminal that
/// takes no more is awaited, so that Ctrl-C ends a program whose reader sleeps, too.
class LineWriter
{
public:
    explicit LineWriter(asio::io_context& io);

    /// Ends when all of `text` is written. Cancellable.
    /// @returns false where nobody reads any more.
    /// @throws std::system_error where it cannot be written for another reason, such as a full disk.
    [[nodiscard]] asio::awaitable<bool> write(std::string_view text);

    /// Calls `hook` once when nobody reads any more, if that can be seen without writing.
    void onReaderGone(std::function<void()> hook);

private:
    asio::posix::stream_descriptor output_;  // not open for a file, which takes everything at once
};

}  // namespace tool
