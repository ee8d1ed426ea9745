#include "transport/socket_file.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace strandcast
{

namespace
{

std::optional<struct ::stat> socketAt(const std::string& path) noexcept
{
    struct ::stat file{};
    if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return std::nullopt;
    return file;
}

/// Whether connecting is refused, which is what nobody listening looks like: a full backlog is another error.
bool isRefused(const std::string& path) noexcept
{
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::ranges::copy(path, address.sun_path);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    const int result = ::connect(probe, reinterpret_cast<const ::sockaddr*>(&address), sizeof address);
    const bool refused = result != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return refused;
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path))
{
    const auto file = socketAt(path_);
    if (!file) return;
    device_ = file->st_dev;
    number_ = file->st_ino;
}

SocketFile::~SocketFile()
{
    const auto file = socketAt(path_);
    if (file && file->st_dev == device_ && file->st_ino == number_) ::unlink(path_.c_str());
}

void SocketFile::removeStale(const std::string& path) noexcept
{
    if (socketAt(path) && isRefused(path)) ::unlink(path.c_str());
}

}  // namespace strandcast
