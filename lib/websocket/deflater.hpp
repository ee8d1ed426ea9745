#pragma once

#include "websocket/deflate_negotiation.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct z_stream_s;

namespace strandcast
{

/// Compresses messages, one after the other (RFC 7692, section 7.2.1).
class Deflater
{
public:
    Deflater(DeflateContext context, const DeflateOptions& options);
    ~Deflater();
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;

    /// The payload of a compressed frame for `message`, until the next call; nothing where the message goes
    /// as it is, because it is small or gets no smaller. Where messages refer to earlier ones, what is
    /// returned has to be sent, and nothing else.
    [[nodiscard]] std::span<const std::byte> deflate(std::span<const std::byte> message);

    [[nodiscard]] const DeflateContext& context() const noexcept { return context_; }

private:
    void append(std::span<const std::byte> message);

    struct End
    {
        void operator()(z_stream_s* stream) const noexcept;
    };

    DeflateContext context_;
    std::size_t minSize_;
    std::unique_ptr<z_stream_s, End> stream_;
    std::string out_;
};

}  // namespace strandcast
