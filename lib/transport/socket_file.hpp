#pragma once

#include <string>
#include <sys/types.h>

namespace strandcast
{

/// The file of a Unix socket that is bound: it goes with this, unless it has become another's.
class SocketFile
{
public:
    explicit SocketFile(std::string path);
    SocketFile(SocketFile&&) = delete;
    ~SocketFile();

    /// Removes the file at `path` where it is a socket that nobody listens on: what a process left behind
    /// that ended without a word. Any other file stays.
    static void removeStale(const std::string& path) noexcept;

private:
    std::string path_;
    ::dev_t device_ = 0;
    ::ino_t number_ = 0;
};

}  // namespace strandcast
