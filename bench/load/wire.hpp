#pragma once

#include "target.hpp"

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace load
{

/// A connected socket, plain or with TLS on it. It blocks while it connects and never afterwards.
class Wire
{
public:
    /// Connects from the loopback address 127.0.0.`from`, so that many have ports enough.
    Wire(const Target& target, unsigned from);
    Wire(Wire&& other) noexcept;
    Wire& operator=(Wire&&) = delete;
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    ~Wire();

    [[nodiscard]] int socket() const noexcept { return socket_; }

    /// How much the socket took.
    std::size_t write(std::string_view bytes);
    /// How much there was; never 0 at the end, which fails the run.
    std::size_t read(std::span<char> buffer);
    /// Waits until something is there, or fails.
    void waitReadable() const;

    /// When the kernel received the last of what was read last, in nanoseconds of CLOCK_REALTIME.
    [[nodiscard]] std::int64_t stamp() const noexcept { return stamp_; }

private:
    struct FreeTls
    {
        void operator()(::SSL* tls) const noexcept;
    };

    [[nodiscard]] std::size_t readStamped(std::span<char> buffer);

    int socket_ = -1;
    bool isStamped_ = false;
    std::int64_t stamp_ = 0;
    std::unique_ptr<::SSL, FreeTls> tls_;
};

/// Ends the program: the run is worth nothing.
[[noreturn]] void fail(std::string_view what);

}  // namespace load
