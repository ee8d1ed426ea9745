#pragma once

#include <asio/ip/address.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace strandcast
{

/// An address in one form, whichever way it is written: IPv4 as IPv6 maps it.
[[nodiscard]] std::array<unsigned char, 16> mappedBytesOf(const asio::ip::address& address);

/// One address, or all with the same beginning (CIDR): "10.0.0.0/8", "2001:db8::/32", "::1".
class AddressRange
{
public:
    /// Nothing where the text is none. Bits behind the prefix do not matter.
    [[nodiscard]] static std::optional<AddressRange> read(std::string_view text);

    [[nodiscard]] bool contains(const asio::ip::address& address) const;

private:
    AddressRange(const asio::ip::address& address, std::size_t prefixBits)
        : bytes_(mappedBytesOf(address)),
          prefixBits_(prefixBits)
    {
    }

    std::array<unsigned char, 16> bytes_;
    std::size_t prefixBits_;  // of the 128
};

}  // namespace strandcast
