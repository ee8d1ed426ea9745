#pragma once

#include <strandcast/transport.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

/// A stream that holds who writes to it to the contract: after an attempt that would block, the next one
/// presents the bytes of that attempt's first buffer first again. TLS has them encrypted already.
class StrictTransport final : public strandcast::Transport
{
public:
    explicit StrictTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}

    [[nodiscard]] strandcast::Transfer tryRead(std::span<std::byte> buffer) override
    {
        return inner_->tryRead(buffer);
    }

    [[nodiscard]] strandcast::Transfer tryWrite(std::span<const std::span<const std::byte>> buffers) override
    {
        std::string presented;
        for (const auto buffer : buffers)
            presented.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
        CHECK(presented.starts_with(promised_));
        promised_.clear();
        const auto transfer = inner_->tryWrite(buffers);
        if (transfer.outcome == strandcast::Transfer::Outcome::wouldBlock)
            promised_.assign(reinterpret_cast<const char*>(buffers[0].data()), buffers[0].size());
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
    std::string promised_;
};
