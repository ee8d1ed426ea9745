#pragma once

#include "websocket/deflate_negotiation.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct z_stream_s;

namespace strandcast
{

/// Inflates messages as they arrive, in pieces of any size (RFC 7692, section 7.2.2). Between messages it
/// holds memory only where they refer to each other.
class Inflater
{
public:
    enum class Outcome : std::uint8_t
    {
        ok,
        tooLarge,
        corrupt,
    };

    explicit Inflater(DeflateContext context) : context_(context) {}
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    /// Appends to `out` what the next piece of the message inflates to, until `out` is larger than `limit`,
    /// and then not a byte more.
    [[nodiscard]] Outcome inflate(std::span<const std::byte> piece, std::string& out, std::size_t limit);

    /// The message's last piece has been given.
    [[nodiscard]] Outcome endMessage(std::string& out, std::size_t limit);

    /// What it takes from the heap, about, itself included.
    [[nodiscard]] std::size_t heldBytes() const noexcept;

private:
    struct End
    {
        void operator()(z_stream_s* stream) const noexcept;
    };

    void begin();

    DeflateContext context_;
    std::unique_ptr<z_stream_s, End> stream_;
};

}  // namespace strandcast
