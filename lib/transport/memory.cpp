#include "transport/memory.hpp"

#include "coro/signal.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace strandcast
{

namespace
{

/// One direction of the stream.
struct Pipe
{
    explicit Pipe(ShardExecutor executor) : readable(executor), writable(executor) {}

    std::string bytes;
    bool ended = false;    ///< the writer will write no more
    bool refused = false;  ///< the reader will read no more
    Signal readable;
    Signal writable;
};

class MemoryTransport final : public Transport
{
public:
    MemoryTransport(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out, MemoryTransportOptions options)
        : in_(std::move(in)),
          out_(std::move(out)),
          options_(options)
    {
    }

    MemoryTransport(const MemoryTransport&) = delete;
    MemoryTransport& operator=(const MemoryTransport&) = delete;
    ~MemoryTransport() override { close(); }

    [[nodiscard]] Transfer tryRead(std::span<std::byte> buffer) override
    {
        if (const auto failure = attempt()) return Transfer::failed(failure);
        if (in_->bytes.empty()) return in_->ended ? Transfer::end() : Transfer::wouldBlock();
        const auto size = std::min({in_->bytes.size(), buffer.size(), options_.maxBytesPerRead});
        std::memcpy(buffer.data(), in_->bytes.data(), size);
        in_->bytes.erase(0, size);
        in_->writable.notify();
        return Transfer::moved(size);
    }

    [[nodiscard]] Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override
    {
        if (const auto failure = attempt()) return Transfer::failed(failure);
        if (out_->ended || out_->refused) return Transfer::failed(asio::error::broken_pipe);
        auto room = std::min(options_.capacity - std::min(options_.capacity, out_->bytes.size()),
                             options_.maxBytesPerWrite);
        if (room == 0) return Transfer::wouldBlock();
        std::size_t moved = 0;
        for (const auto buffer : buffers)
        {
            const auto size = std::min(buffer.size(), room);
            out_->bytes.append(reinterpret_cast<const char*>(buffer.data()), size);
            moved += size;
            room -= size;
        }
        out_->readable.notify();
        return Transfer::moved(moved);
    }

    [[nodiscard]] Strand<> waitReadable() override
    {
        return waitFor(in_, &Pipe::readable,
                       [](const Pipe& pipe) { return !pipe.bytes.empty() || pipe.ended; });
    }

    [[nodiscard]] Strand<> waitWritable() override
    {
        const auto capacity = options_.capacity;
        return waitFor(out_, &Pipe::writable,
                       [capacity](const Pipe& pipe) { return pipe.bytes.size() < capacity || pipe.refused; });
    }

    [[nodiscard]] bool isPeerGone() override { return in_->ended || out_->refused; }

    void shutdownWrite() noexcept override
    {
        out_->ended = true;
        out_->readable.notify();
    }

    void close() noexcept override
    {
        if (*closed_) return;
        *closed_ = true;
        shutdownWrite();
        in_->refused = true;
        in_->bytes.clear();
        in_->writable.notify();
        in_->readable.notify();
        out_->writable.notify();
    }

    [[nodiscard]] std::string peerAddress() const override { return "memory"; }

private:
    [[nodiscard]] std::error_code attempt()
    {
        if (*closed_) return asio::error::bad_descriptor;
        if (++attempts_ != options_.failingAttempt) return {};
        close();
        return asio::error::connection_reset;
    }

    // Keeps what it touches: the transport may go while its strand unwinds.
    template <typename Ready>
    Strand<> waitFor(std::shared_ptr<Pipe> pipe, Signal Pipe::* signal, Ready ready)
    {
        const auto closed = closed_;
        while (!*closed && !ready(*pipe)) co_await ((*pipe).*signal).wait();
        if (*closed) throw asio::system_error(asio::error::operation_aborted);
    }

    std::shared_ptr<Pipe> in_;
    std::shared_ptr<Pipe> out_;
    MemoryTransportOptions options_;
    std::size_t attempts_ = 0;
    std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);
};

}  // namespace

std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>
makeMemoryTransports(ShardExecutor executor, MemoryTransportOptions first, MemoryTransportOptions second)
{
    const auto there = std::make_shared<Pipe>(executor);
    const auto back = std::make_shared<Pipe>(executor);
    return {std::make_unique<MemoryTransport>(back, there, first),
            std::make_unique<MemoryTransport>(there, back, second)};
}

}  // namespace strandcast
