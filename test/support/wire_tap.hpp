#pragma once

#include <strandcast/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A stream that notes what is written to it.
class WireTap final : public strandcast::Transport
{
public:
    WireTap(std::unique_ptr<Transport> inner, std::shared_ptr<std::string> written)
        : inner_(std::move(inner)),
          written_(std::move(written))
    {
    }

    [[nodiscard]] strandcast::Transfer tryRead(std::span<std::byte> buffer) override
    {
        return inner_->tryRead(buffer);
    }

    [[nodiscard]] strandcast::Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override
    {
        const auto transfer = inner_->tryWrite(buffers);
        auto left = transfer.outcome == strandcast::Transfer::Outcome::moved ? transfer.size : 0;
        for (const auto buffer : buffers)
        {
            const auto part = std::min(left, buffer.size());
            written_->append(reinterpret_cast<const char*>(buffer.data()), part);
            left -= part;
        }
        return transfer;
    }

    [[nodiscard]] strandcast::Strand<> waitReadable() override { return inner_->waitReadable(); }
    [[nodiscard]] strandcast::Strand<> waitWritable() override { return inner_->waitWritable(); }
    [[nodiscard]] bool isPeerGone() override { return inner_->isPeerGone(); }
    void shutdownWrite() noexcept override { inner_->shutdownWrite(); }
    void close() noexcept override { inner_->close(); }
    [[nodiscard]] std::string peerAddress() const override { return inner_->peerAddress(); }

private:
    std::unique_ptr<Transport> inner_;
    std::shared_ptr<std::string> written_;
};

/// How many bytes the TLS records that `wire` begins with hold (RFC 8446, section 5.1).
inline std::vector<std::size_t> recordSizes(std::string_view wire)
{
    std::vector<std::size_t> sizes;
    while (wire.size() >= 5)
    {
        const auto byteAt = [&](std::size_t index) { return static_cast<std::uint8_t>(wire[index]); };
        const std::size_t size = byteAt(3) * 256U + byteAt(4);
        sizes.push_back(size);
        wire.remove_prefix(std::min(wire.size(), 5 + size));
    }
    return sizes;
}
